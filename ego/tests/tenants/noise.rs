//! The rules of stores, held by a tenant's part of a store while others write with the same names.

use crate::*;
use async_trait::async_trait;
use bytes::Bytes;
use ego::delegate_store;
use ego::message::{CommandId, Expected, Metadata};
use ego::store::*;
use ego::testing::{Bench, RULES};
use ego_sled::SledStore;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Named as the rules' own tenant, so that its metadata is let through.
const TENANT: &str = "店 7";

fn memory() -> TenantStore {
    part(&AnyStore::new(MemoryStore::new()), TENANT)
}

ego::testing::event_store_rules!(of_memory: memory());
ego::testing::event_store_rules!(of_sled: |folder| Owner::of(SledStore::open(folder)?));

/// The only one who uses a store: closes it with the tenant's part.
struct Owner {
    tenant: TenantStore,
    whole: AnyStore,
}

impl Owner {
    fn of(store: SledStore) -> Self {
        let whole = AnyStore::new(store);
        Self { tenant: part(&whole, TENANT), whole }
    }
}

#[async_trait]
impl Store for Owner {
    delegate_store!(tenant: capabilities, append, is_new_command, find_command, stream_head, read_stream, read_log, head,
        wait_for_head, list_streams, list_erased, list_commands, list_tables, event_types, save_snapshot, load_snapshot, delete_snapshot, load_state, read_states,
        save_checkpoint, load_checkpoint, list_checkpoints, delete_checkpoint, step, load_rows, list_rows, delete_up_to, erase);

    async fn close(&self) -> Result<(), StoreError> {
        self.tenant.close().await?;
        self.whole.close().await
    }
}

/// A tenant's part of a store in which others write the same before and after each write, under names around the tenant's.
struct Noisy {
    tenant: TenantStore,
    others: Vec<TenantStore>,
}

impl Noisy {
    async fn open() -> Result<Self, ego::testing::OpenError> {
        let whole = AnyStore::new(MemoryStore::new());
        let noisy = Self {
            tenant: part(&whole, TENANT),
            others: ["0", "店", "店 7.", "店 70", "z"].map(|name| part(&whole, name)).into(),
        };
        for other in &noisy.others {
            other.save_checkpoint("late", None).await?;
        }
        Ok(noisy)
    }

    async fn others_append(&self, batch: &[Commit]) -> Result<(), StoreError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        for commit in batch {
            for other in &self.others {
                if commit.stream.kind().len() > 60 {
                    // Some of the others have longer names, and no room for it.
                    continue;
                }
                let id = CommandId::new(format!("noise-{}", NEXT.fetch_add(1, Ordering::Relaxed))).unwrap();
                let metadata = Metadata::new(id, "Noise", commit.metadata.time);
                let (mut commit, rows) = (commit.clone(), commit.rows.iter().filter(|row| row.is_valid()).cloned().collect());
                (commit.expected, commit.metadata, commit.rows) = (Expected::Any, Arc::new(metadata), rows);
                other.append(vec![commit]).await?;
            }
        }
        Ok(())
    }

    async fn others_step(&self, step: &Step) -> Result<(), StoreError> {
        for other in &self.others {
            let row = |row: &RowChange| RowChange { value: Some(Bytes::from_static(b"noise")), ..row.clone() };
            let rows = step.rows.iter().filter(|row| row.is_valid()).take(100).map(row).collect();
            other.step(Step { advance: None, rows }).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Noisy {
    delegate_store!(tenant: capabilities, is_new_command, find_command, stream_head, read_stream, read_log, head, wait_for_head,
        list_streams, list_erased, list_commands, list_tables, event_types, save_snapshot, load_snapshot, delete_snapshot, load_state, read_states, save_checkpoint, load_checkpoint,
        list_checkpoints, delete_checkpoint, load_rows, list_rows, delete_up_to, erase, close);

    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        self.others_append(&batch).await?;
        let verdicts = self.tenant.append(batch.clone()).await?;
        self.others_append(&batch).await?;
        Ok(verdicts)
    }

    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        self.others_step(&step).await?;
        let stepped = self.tenant.step(step.clone()).await?;
        self.others_step(&step).await?;
        Ok(stepped)
    }
}

/// They write positions as numbers, counted from 1 without gaps: tenants share the positions of the log.
const COUNT_ON_POSITIONS: &[&str] = &[
    "read_log::the_first_position_is_the_first_event",
    "read_states::states_are_read_behind_a_position",
    "rows::rows_take_no_place_in_the_log",
    "steps::a_step_beyond_the_head_changes_nothing",
    "steps::a_step_is_looked_at_in_this_order",
    "steps::a_step_lets_go_of_what_it_finished",
    "steps::steps_take_no_place_in_the_log",
];

#[test]
fn the_rules_hold_while_others_write_with_the_same_names() {
    let rules = Mutex::new(RULES.iter().filter(|rule| !rule.persistent && !COUNT_ON_POSITIONS.contains(&rule.name)));
    let broken = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(rule) = { rules.lock().next() } {
                    if let Err(found) = rule.check(Bench::volatile(Noisy::open), Bench::LIMIT) {
                        broken.lock().push(format!("{}: {found}", rule.name));
                    }
                }
            });
        }
    });
    let broken = broken.into_inner();
    assert!(broken.is_empty(), "{broken:#?}");
}
