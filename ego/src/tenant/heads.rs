//! Where each tenant's part of the log ends.
//!
//! A tenant's head moves when something is recorded for that tenant, and not for others: so nobody is woken, counted behind or made to write a
//! checkpoint by what does not concern them. The log is read once for all tenants of a [`Heads`], as far as it has grown.

use super::name::Names;
use crate::message::{Position, StreamId};
use crate::store::{AnyStore, Filter, RowChange, Step, Store, StoreError};
use bytes::Bytes;
use std::collections::HashMap;
use tokio::sync::Mutex;

/// The heads of the tenants of one store that somebody works for.
pub(super) struct Heads {
    store: AnyStore,
    looked: Mutex<Looked>,
}

#[derive(Default)]
struct Looked {
    /// Up to where everything was looked at.
    upto: Option<Position>,
    /// By what the tenants' kinds begin with.
    tenants: HashMap<String, Head>,
}

/// Where a tenant's part ends.
#[derive(Clone, Copy, Default)]
struct Head {
    last: Option<Position>,
    /// Up to where the store knows that everything was looked at.
    kept: Option<Position>,
}

/// How many positions are looked at before it is kept how far that is: after a crash so many are looked at again.
const KEEP_EVERY: u64 = 65_536;
const PAGE: usize = 1000;

impl Heads {
    pub(super) fn of(store: &AnyStore) -> Self {
        Self { store: store.clone(), looked: Mutex::default() }
    }

    /// The tenant's last position, and up to where everything was looked at.
    pub(super) async fn head(&self, names: &Names) -> Result<(Option<Position>, Option<Position>), StoreError> {
        let mut looked = self.looked.lock().await;
        self.look(&mut looked).await?;
        let head = match looked.tenants.get(names.prefix()) {
            Some(head) => *head,
            None => self.join(names, looked.upto).await?,
        };
        let far = looked.upto.map_or(0, Position::get).saturating_sub(head.kept.map_or(0, Position::get)) >= KEEP_EVERY;
        let kept = if far { self.keep(names, head.last, looked.upto).await? } else { head.kept };
        looked.tenants.insert(names.prefix().to_owned(), Head { kept, ..head });
        Ok((head.last, looked.upto))
    }

    /// Keeps what is known of the tenant, for the next time.
    pub(super) async fn leave(&self, names: &Names, answered: Option<Position>) -> Result<(), StoreError> {
        let mut looked = self.looked.lock().await;
        let head = match looked.tenants.remove(names.prefix()) {
            Some(head) => head,
            None if answered.is_none() => return Ok(()),
            None => {
                self.look(&mut looked).await?;
                self.join(names, looked.upto).await?
            }
        };
        if head.kept != looked.upto || answered > head.last {
            self.keep(names, head.last.max(answered), looked.upto).await?;
        }
        Ok(())
    }

    /// Looks at what is new for all tenants.
    async fn look(&self, looked: &mut Looked) -> Result<(), StoreError> {
        let head = self.store.head().await?;
        if head <= looked.upto {
            return Ok(());
        }
        if !looked.tenants.is_empty() {
            let mut found = HashMap::new();
            self.scan(looked.upto, head, |stream, position| {
                let Some((written, _)) = stream.kind().split_once('.') else { return };
                let last = found.entry(format!("{written}.")).or_insert(position);
                *last = position.max(*last);
            })
            .await?;
            for (tenant, last) in found {
                if let Some(head) = looked.tenants.get_mut(&tenant) {
                    head.last = head.last.max(Some(last));
                }
            }
        }
        looked.upto = head;
        Ok(())
    }

    /// What is recorded behind `after`, at least up to `upto`.
    async fn scan(
        &self,
        after: Option<Position>,
        upto: Option<Position>,
        mut see: impl FnMut(&StreamId, Position) + Send,
    ) -> Result<(), StoreError> {
        let (mut next, mut reached) = (after, false);
        while !reached {
            let page = self.store.read_log(next, &Filter::all(), PAGE).await?;
            page.items.iter().for_each(|event| see(&event.stream, event.position));
            (next, reached) = (page.next, page.next.is_none() || page.next >= upto);
        }
        (next, reached) = (after, false);
        while !reached {
            let page = self.store.read_states(next, &[], PAGE).await?;
            page.items.iter().for_each(|state| see(&state.stream, state.position));
            (next, reached) = (page.next, page.next.is_none() || page.next >= upto);
        }
        Ok(())
    }

    /// A tenant's head up to there, from what was kept and what is behind it; from its streams, when nothing was kept.
    async fn join(&self, names: &Names, upto: Option<Position>) -> Result<Head, StoreError> {
        let mut last = None;
        let mut see = |position: Option<Position>| last = last.max(position);
        if let Some((kept, looked)) = self.kept(names).await? {
            see(kept);
            if looked < upto {
                let own = |stream: &StreamId, position| {
                    if names.take(stream.kind()).is_some() {
                        see(Some(position));
                    }
                };
                self.scan(looked, upto, own).await?;
            }
        } else {
            let mut after = Some(names.before_streams()?);
            while let Some(behind) = after {
                let page = self.store.list_streams(None, Some(&behind), PAGE).await?;
                let own = page.items.iter().take_while(|head| names.take(head.stream.kind()).is_some());
                let count = own.inspect(|head| see(head.position)).count();
                after = page.next.filter(|_| count == page.items.len());
            }
        }
        // What was finished was there, also if it was erased since.
        let checkpoints = self.store.list_checkpoints().await?;
        let own = checkpoints.into_iter().filter(|(consumer, _)| names.take_consumer(consumer).is_some());
        own.for_each(|(_, checkpoint)| see(checkpoint));
        // Nothing is kept of a tenant that has nothing.
        let kept = if last.is_some() { self.keep(names, last, upto).await? } else { None };
        Ok(Head { last, kept })
    }

    async fn kept(&self, names: &Names) -> Result<Option<(Option<Position>, Option<Position>)>, StoreError> {
        let rows = self.store.load_rows(&names.reach(), &[Bytes::new()]).await?;
        let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes).and_then(Position::new);
        let read = |row: &Bytes| (row.len() == 16).then(|| (number(&row[..8]), number(&row[8..])));
        Ok(rows.first().and_then(Option::as_ref).and_then(read))
    }

    async fn keep(&self, names: &Names, last: Option<Position>, upto: Option<Position>) -> Result<Option<Position>, StoreError> {
        let bytes = |position: Option<Position>| position.map_or(0, Position::get).to_be_bytes();
        let row = RowChange::put(names.reach(), Bytes::new(), [bytes(last), bytes(upto)].concat());
        self.store.step(Step { advance: None, rows: vec![row] }).await?;
        Ok(upto)
    }
}
