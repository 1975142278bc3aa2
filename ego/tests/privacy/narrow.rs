//! A store that takes small commits only.

use async_trait::async_trait;
use ego::delegate_store;
use ego::store::{Capabilities, Commit, Refusal, RowChange, Step, Stepped, Store, StoreError, Verdict};

pub(crate) struct Narrow<S>(pub S);

const LIMIT: usize = 2 << 20;

#[async_trait]
impl<S: Store> Store for Narrow<S> {
    delegate_store!(0: is_new_command, find_command, stream_head, read_stream, read_log, head, wait_for_head, list_streams, list_erased, list_commands, list_tables, event_types,
        save_snapshot, load_snapshot, delete_snapshot, load_state, read_states, save_checkpoint, load_checkpoint, list_checkpoints,
        delete_checkpoint, load_rows, list_rows, delete_up_to, erase, close);

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.0.capabilities();
        capabilities.max_commit_bytes = LIMIT;
        capabilities
    }

    async fn append(&self, mut batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        let sizes: Vec<usize> = batch.iter().map(Commit::size).collect();
        for (commit, size) in batch.iter_mut().zip(&sizes) {
            if *size > LIMIT {
                commit.reply = vec![0; self.0.capabilities().max_commit_bytes + 1].into();
            }
        }
        let verdicts = self.0.append(batch).await?.into_iter().zip(sizes).map(|(verdict, bytes)| match verdict {
            Verdict::Refused(Refusal::TooLarge { .. }) => Verdict::Refused(Refusal::TooLarge { bytes, limit: LIMIT }),
            other => other,
        });
        Ok(verdicts.collect())
    }

    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        match step.size() {
            bytes if bytes > LIMIT && step.rows.iter().all(RowChange::is_valid) => Ok(Stepped::TooLarge { bytes, limit: LIMIT }),
            _ => self.0.step(step).await,
        }
    }
}
