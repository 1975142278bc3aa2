//! A tenant's part of a store.

use super::heads::Heads;
use super::name::Names;
use crate::message::{CommandId, InvalidText, Name, Position, Revision, StreamId, Tenant};
use crate::store::{
    AnyStore, Capabilities, Commit, Committed, Direction, EventType, Filter, Page, RecordedEvent, Refusal, Row, RowChange,
    Snapshot, Step, Stepped, Store, StoreError, StoredState, StreamHead, Verdict,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;

/// The part of a store that belongs to one tenant, as a store of its own. What it is made on stays open when it is closed.
///
/// Its positions are those of the whole log, so there are gaps between them; its head is the last position of its own. Commits that name
/// another tenant in their metadata are an error, and nothing is recorded.
///
/// ```
/// use ego::message::Tenant;
/// use ego::store::{AnyStore, MemoryStore};
/// use ego::tenant::TenantStore;
///
/// let store = AnyStore::new(MemoryStore::new());
/// let acme = TenantStore::new(&store, Tenant::new("acme")?)?;
/// # Ok::<(), ego::message::InvalidText>(())
/// ```
pub struct TenantStore {
    pub(super) inner: AnyStore,
    tenant: Tenant,
    pub(super) names: Names,
    heads: Arc<Heads>,
    /// The last position that was answered here: it stays the head's when it is erased before anybody looks.
    answered: Mutex<Option<Position>>,
    closed: watch::Sender<bool>,
}

/// Why a commit was not even given to the store.
#[derive(Debug, thiserror::Error)]
#[error("the commit is of the tenant {0}")]
struct Foreign(Tenant);

impl TenantStore {
    /// The most bytes of a tenant's name, as it is [written](super) in the store.
    pub const MAX_NAME_BYTES: usize = Names::MAX_BYTES;

    /// The tenant's part of this store.
    ///
    /// # Errors
    /// [`InvalidText::TooLong`] when the name is longer than [`TenantStore::MAX_NAME_BYTES`] as it is written.
    pub fn new(store: &AnyStore, tenant: Tenant) -> Result<Self, InvalidText> {
        Self::with(store, tenant, Arc::new(Heads::of(store)))
    }

    /// The same beside others of one store, for which its log is looked at together.
    pub(super) fn with(store: &AnyStore, tenant: Tenant, heads: Arc<Heads>) -> Result<Self, InvalidText> {
        let names = Names::of(&tenant)?;
        let (answered, closed) = (Mutex::default(), watch::Sender::new(false));
        Ok(Self { inner: store.clone(), tenant, names, heads, answered, closed })
    }

    /// Whose part it is.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    pub(super) fn is_open(&self) -> Result<(), StoreError> {
        if *self.closed.borrow() { Err(StoreError::Closed) } else { Ok(()) }
    }

    /// The last position of the tenant, and up to where the log was looked at for it.
    async fn looked(&self) -> Result<(Option<Position>, Option<Position>), StoreError> {
        let (head, looked) = self.heads.head(&self.names).await?;
        Ok((head.max(*self.answered.lock()), looked))
    }

    /// What is the tenant's of pages in which everybody's come, up to the tenant's head.
    async fn sift<'r, T: Send>(
        &self,
        after: Option<Position>,
        limit: usize,
        is_mixed: bool,
        read: impl Fn(Option<Position>, usize) -> BoxFuture<'r, Result<Page<T, Position>, StoreError>> + Send,
        take: impl Fn(T) -> Option<(Position, T)> + Send,
    ) -> Result<Page<T, Position>, StoreError> {
        // Before the page: what is behind it then is for another call.
        let (head, _) = self.looked().await?;
        let (mut next, limit) = (after, limit.max(1));
        for _ in 0..PAGES {
            if head <= next {
                break;
            }
            let page = read(next, if is_mixed { limit.max(MIXED) } else { limit }).await?;
            let mut own: Vec<_> = page.items.into_iter().filter_map(&take).collect();
            next = page.next;
            if own.len() > limit {
                own.truncate(limit);
                next = own.last().map(|(position, _)| *position);
            }
            if !own.is_empty() || next.is_none() {
                let items = own.into_iter().map(|(_, item)| item).collect();
                return Ok(Page { items, next: next.filter(|next| Some(*next) < head) });
            }
        }
        Ok(Page { items: Vec::new(), next: next.filter(|next| Some(*next) < head) })
    }

    fn put_rows(&self, rows: &mut [RowChange]) {
        for row in rows {
            // The store refuses a table without a name, and should go on to.
            if !row.table.is_empty() {
                row.table = self.names.put(&row.table);
            }
        }
    }

    /// The commit as the store is given it, and its size as the tenant knows it if that is too large.
    fn put_commit(&self, mut commit: Commit, limit: usize) -> Result<(Commit, usize), StoreError> {
        let size = commit.size();
        if let Some(other) = commit.metadata.tenant.as_ref().filter(|other| **other != self.tenant) {
            return Err(StoreError::other(format!("appending for the tenant {}", self.tenant), Foreign(other.clone())));
        }
        commit.stream = self.names.put_stream(&commit.stream)?;
        self.put_rows(&mut commit.rows);
        if size > limit {
            // The store finds out in its turn, and not before, that it is too large.
            let missing = (self.inner.capabilities().max_commit_bytes + 1).saturating_sub(commit.size());
            commit.reply = [&commit.reply[..], &vec![0; missing]].concat().into();
        }
        Ok((commit, size))
    }

    fn put_filter(&self, filter: &Filter) -> Result<Filter, StoreError> {
        Ok(Filter {
            kinds: filter.kinds.iter().map(|kind| self.names.put(kind)).collect(),
            names: filter.names.clone(),
            tags: filter.tags.clone(),
            streams: filter.streams.iter().map(|stream| self.names.put_stream(stream)).collect::<Result<_, _>>()?,
        })
    }

    fn take_event(&self, event: RecordedEvent) -> Option<RecordedEvent> {
        let stream = self.names.take_stream(&event.stream)?;
        Some(RecordedEvent { stream, ..event })
    }

    fn take_state(&self, state: StoredState) -> Option<StoredState> {
        let stream = self.names.take_stream(&state.stream)?;
        Some(StoredState { stream, ..state })
    }

    fn take_head(&self, head: StreamHead) -> Option<StreamHead> {
        let stream = self.names.take_stream(&head.stream)?;
        Some(StreamHead { stream, ..head })
    }

    /// Whether the first of these is the tenant's.
    fn is_first(&self, heads: &Page<StreamHead, StreamId>) -> bool {
        heads.items.first().is_some_and(|head| self.names.take(head.stream.kind()).is_some())
    }

    /// Behind where a list of the tenant's streams begins.
    fn put_after(&self, after: Option<&StreamId>) -> Result<StreamId, StoreError> {
        after.map_or_else(|| self.names.before_streams(), |after| self.names.put_stream(after))
    }

    /// What is the tenant's of a page of streams; where it goes on if all of the page is.
    fn take_heads(&self, page: Page<StreamHead, StreamId>) -> (Vec<StreamHead>, Option<StreamId>) {
        let found = page.items.len();
        let items: Vec<_> = page.items.into_iter().map_while(|head| self.take_head(head)).collect();
        let next = page.next.filter(|_| items.len() == found);
        (items, next)
    }

    /// The same error, without the names of others.
    fn take_error(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::HeldBack { consumer, checkpoint, needed } => {
                let consumer = self.names.take_consumer(&consumer).unwrap_or("a consumer of the whole store").to_owned();
                StoreError::HeldBack { consumer, checkpoint, needed }
            }
            error => error,
        }
    }
}

impl fmt::Debug for TenantStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantStore").field("tenant", &self.tenant).field("store", &self.inner).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for TenantStore {
    fn capabilities(&self) -> Capabilities {
        let inner = self.inner.capabilities();
        // A commit's stream and some of its rows are named longer than the tenant knows.
        let longer = self.names.reserved() * LONGER_NAMES;
        Capabilities { max_commit_bytes: inner.max_commit_bytes.saturating_sub(longer), ..inner }
            .reserving(inner.reserved + self.names.reserved())
    }

    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
        self.is_open()?;
        let limit = self.capabilities().max_commit_bytes;
        let put = batch.into_iter().map(|commit| self.put_commit(commit, limit)).collect::<Result<Vec<_>, _>>()?;
        let (batch, sizes): (Vec<_>, Vec<_>) = put.into_iter().unzip();
        let mut verdicts = self.inner.append(batch).await?;
        let mut answered = None;
        for (verdict, size) in verdicts.iter_mut().zip(sizes) {
            match verdict {
                Verdict::Committed(committed) => answered = answered.max(committed.position),
                Verdict::Refused(Refusal::TooLarge { bytes, limit: told }) if size > limit => (*bytes, *told) = (size, limit),
                _ => {}
            }
        }
        let mut before = self.answered.lock();
        *before = before.max(answered);
        Ok(verdicts)
    }

    fn is_new_command(&self, stream: &StreamId, id: &CommandId) -> bool {
        self.is_open().is_ok() && self.names.put_stream(stream).is_ok_and(|stream| self.inner.is_new_command(&stream, id))
    }

    async fn find_command(&self, stream: &StreamId, id: &CommandId) -> Result<Option<Committed>, StoreError> {
        self.is_open()?;
        self.inner.find_command(&self.names.put_stream(stream)?, id).await
    }

    async fn stream_head(&self, stream: &StreamId) -> Result<Option<StreamHead>, StoreError> {
        self.is_open()?;
        let head = self.inner.stream_head(&self.names.put_stream(stream)?).await?;
        Ok(head.and_then(|head| self.take_head(head)))
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Revision>, StoreError> {
        self.is_open()?;
        let page = self.inner.read_stream(&self.names.put_stream(stream)?, from, direction, limit).await?;
        Ok(Page { items: page.items.into_iter().filter_map(|event| self.take_event(event)).collect(), next: page.next })
    }

    async fn read_log(
        &self,
        after: Option<Position>,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Position>, StoreError> {
        self.is_open()?;
        let filter = self.put_filter(filter)?;
        // Who asks for no kinds and no streams is given what is left of everybody's.
        let is_mixed = filter.kinds.is_empty() && filter.streams.is_empty();
        let take = |event: RecordedEvent| Some((event.position, self.take_event(event)?));
        self.sift(after, limit, is_mixed, |after, limit| self.inner.read_log(after, &filter, limit), take).await
    }

    async fn head(&self) -> Result<Option<Position>, StoreError> {
        self.is_open()?;
        Ok(self.looked().await?.0)
    }

    async fn wait_for_head(&self, position: Option<Position>) -> Result<Position, StoreError> {
        let mut closed = self.closed.subscribe();
        let moved = async {
            loop {
                match self.looked().await? {
                    (Some(head), _) if Some(head) > position => return Ok(head),
                    (_, looked) => self.inner.wait_for_head(looked).await?,
                };
            }
        };
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(StoreError::Closed),
            head = moved => head,
        }
    }

    async fn list_streams(
        &self,
        kind: Option<&str>,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Page<StreamHead, StreamId>, StoreError> {
        self.is_open()?;
        let (kind, after) = (kind.map(|kind| self.names.put(kind)), self.put_after(after)?);
        let (items, next) = self.take_heads(self.inner.list_streams(kind.as_deref(), Some(&after), limit).await?);
        let next = match next {
            Some(next) if kind.is_some() || self.is_first(&self.inner.list_streams(None, Some(&next), 1).await?) => {
                self.names.take_stream(&next)
            }
            _ => None,
        };
        Ok(Page { items, next })
    }

    async fn list_erased(&self, after: Option<&StreamId>, limit: usize) -> Result<Page<StreamHead, StreamId>, StoreError> {
        self.is_open()?;
        let after = self.put_after(after)?;
        let (items, next) = self.take_heads(self.inner.list_erased(Some(&after), limit).await?);
        let next = match next {
            Some(next) if self.is_first(&self.inner.list_erased(Some(&next), 1).await?) => self.names.take_stream(&next),
            _ => None,
        };
        Ok(Page { items, next })
    }

    async fn list_commands(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Page<Committed, u64>, StoreError> {
        self.is_open()?;
        self.inner.list_commands(&self.names.put_stream(stream)?, from, limit).await
    }

    async fn list_tables(&self) -> Result<Vec<Name>, StoreError> {
        self.is_open()?;
        let tables = self.inner.list_tables().await?;
        Ok(tables.iter().filter_map(|table| self.names.take(table)).map(Name::from).collect())
    }

    async fn event_types(&self) -> Result<Vec<EventType>, StoreError> {
        self.is_open()?;
        let own = |found: EventType| Some(EventType { kind: self.names.take(&found.kind)?.into(), ..found });
        Ok(self.inner.event_types().await?.into_iter().filter_map(own).collect())
    }

    async fn save_snapshot(&self, stream: &StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        self.is_open()?;
        self.inner.save_snapshot(&self.names.put_stream(stream)?, snapshot).await
    }

    async fn load_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        self.is_open()?;
        self.inner.load_snapshot(&self.names.put_stream(stream)?).await
    }

    async fn delete_snapshot(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.is_open()?;
        self.inner.delete_snapshot(&self.names.put_stream(stream)?).await
    }

    async fn load_state(&self, stream: &StreamId) -> Result<Option<StoredState>, StoreError> {
        self.is_open()?;
        let state = self.inner.load_state(&self.names.put_stream(stream)?).await?;
        Ok(state.and_then(|state| self.take_state(state)))
    }

    async fn read_states(
        &self,
        after: Option<Position>,
        kinds: &[Name],
        limit: usize,
    ) -> Result<Page<StoredState, Position>, StoreError> {
        self.is_open()?;
        let kinds: Vec<_> = kinds.iter().map(|kind| self.names.put(kind)).collect();
        let take = |state: StoredState| Some((state.position, self.take_state(state)?));
        let read = |after, limit| self.inner.read_states(after, &kinds, limit);
        self.sift(after, limit, kinds.is_empty(), read, take).await
    }

    async fn save_checkpoint(&self, consumer: &str, position: Option<Position>) -> Result<(), StoreError> {
        self.is_open()?;
        let (head, _) = self.looked().await?;
        if position > head {
            return Err(beyond(position, head));
        }
        self.inner.save_checkpoint(&self.names.put_consumer(consumer), position).await
    }

    async fn load_checkpoint(&self, consumer: &str) -> Result<Option<Position>, StoreError> {
        self.is_open()?;
        self.inner.load_checkpoint(&self.names.put_consumer(consumer)).await
    }

    async fn list_checkpoints(&self) -> Result<Vec<(String, Option<Position>)>, StoreError> {
        self.is_open()?;
        let own = |(consumer, position): (String, _)| Some((self.names.take_consumer(&consumer)?.to_owned(), position));
        Ok(self.inner.list_checkpoints().await?.into_iter().filter_map(own).collect())
    }

    async fn delete_checkpoint(&self, consumer: &str) -> Result<(), StoreError> {
        self.is_open()?;
        self.inner.delete_checkpoint(&self.names.put_consumer(consumer)).await
    }

    async fn step(&self, mut step: Step) -> Result<Stepped, StoreError> {
        self.is_open()?;
        let (size, limit) = (step.size(), self.capabilities().max_commit_bytes);
        self.put_rows(&mut step.rows);
        let mut too_far = None;
        if let Some(advance) = &mut step.advance {
            advance.consumer = self.names.put_consumer(&advance.consumer);
            let (head, _) = self.looked().await?;
            if Some(advance.to) > head {
                // The store finds out in its turn, for itself, that it is too far.
                too_far = Some((advance.to, head));
                advance.to = Position::new(u64::MAX).unwrap_or(advance.to);
            }
        }
        if size > limit {
            let missing = (self.inner.capabilities().max_commit_bytes + 1).saturating_sub(step.size());
            step.rows.push(RowChange::put(self.names.reach(), Bytes::new(), vec![0; missing]));
        }
        match (self.inner.step(step).await, too_far) {
            (Ok(Stepped::TooLarge { .. }), _) if size > limit => Ok(Stepped::TooLarge { bytes: size, limit }),
            (Err(StoreError::BeyondHead { .. }), Some((to, head))) => Err(beyond(Some(to), head)),
            (stepped, _) => stepped,
        }
    }

    async fn load_rows(&self, table: &str, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.is_open()?;
        self.inner.load_rows(&self.names.put(table), keys).await
    }

    async fn list_rows(
        &self,
        table: &str,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page<Row, Bytes>, StoreError> {
        self.is_open()?;
        self.inner.list_rows(&self.names.put(table), start, end, limit).await
    }

    async fn delete_up_to(&self, stream: &StreamId, revision: Revision) -> Result<(), StoreError> {
        self.is_open()?;
        let deleted = self.inner.delete_up_to(&self.names.put_stream(stream)?, revision).await;
        deleted.map_err(|error| self.take_error(error))
    }

    async fn erase(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.is_open()?;
        self.inner.erase(&self.names.put_stream(stream)?).await
    }

    /// Lets go of the tenant's part; the store that it is a part of stays open.
    async fn close(&self) -> Result<(), StoreError> {
        let answered = *self.answered.lock();
        if !self.closed.send_replace(true)
            && let Err(error) = self.heads.leave(&self.names, answered).await
        {
            tracing::debug!(tenant = %self.tenant, %error, "what is known of a tenant's head was not kept; it is found out again");
        }
        Ok(())
    }
}

fn beyond(asked: Option<Position>, head: Option<Position>) -> StoreError {
    let number = |position: Option<Position>| position.map_or(0, Position::get);
    StoreError::BeyondHead { asked: number(asked), end: number(head) }
}

/// So many are read at once where everybody's come.
const MIXED: usize = 256;
/// So many such pages are read before it is said that there was nothing.
const PAGES: usize = 16;

/// How many names of a commit may be longer than the tenant knows before the store finds it too large sooner than was promised: its
/// stream's, its consumer's and those of its rows.
const LONGER_NAMES: usize = 64;
