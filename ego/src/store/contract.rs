//! The contract itself.

use super::{
    Commit, Committed, Direction, EventType, Filter, Page, RecordedEvent, Row, Snapshot, Step, Stepped, StoreError, StoredState,
    StreamHead, Verdict,
};
use crate::message::{CommandId, Name, Position, Revision, StreamId};
use async_trait::async_trait;
use bytes::Bytes;

/// A place that keeps commits, and everything that is derived from them.
///
/// Every method may be called from any task at any time. A future that is dropped before it is ready has either had its whole
/// effect or none; for [`append`](Store::append) a dropped future is an unknown outcome, which the command id resolves.
///
/// A returned page is bounded by `limit` items (1 or more; 0 is read as 1) and by what the store holds in memory at once, so it may
/// be shorter than `limit`: the end is reached when [`Page::next`] is `None`, never earlier. The page that holds the last item says so.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// What this store can do beyond the rules that all keep.
    fn capabilities(&self) -> Capabilities;

    /// Decides each commit of the batch in order, records those that it accepts, and answers when they are durable (I2).
    ///
    /// For each commit, in this order:
    /// 1. its stream was erased → [`Refusal::Erased`](super::Refusal::Erased);
    /// 2. its command id is already recorded in its stream → [`Verdict::Repeated`] with what was recorded then (I11), whatever is expected;
    /// 3. it expects [`NoStream`](crate::message::Expected::NoStream) or an exact revision, and an earlier commit of this batch to the
    ///    same stream was not committed → [`Refusal::Dependent`](super::Refusal::Dependent): it was decided on a state that never came
    ///    to be, even if the revision fits by chance;
    /// 4. the stream is not as [`expected`](Commit::expected) → [`Refusal::Conflict`](super::Refusal::Conflict) (I5);
    /// 5. it holds more than the store can keep in one commit → [`Refusal::TooLarge`](super::Refusal::TooLarge); one of its
    ///    rows is not [valid](super::RowChange::is_valid) → [`Refusal::InvalidRow`](super::Refusal::InvalidRow); it mixes events and
    ///    states in one stream → [`Refusal::Mixed`](super::Refusal::Mixed);
    /// 6. otherwise it is recorded whole: its events get the next revisions of the stream (I1) and the next positions of the log (I3);
    ///    a state gets one of each; a commit of nothing keeps its command id and reply and gets neither. Its rows change with it.
    ///
    /// Commits of one batch are independent but for step 3. After a crash the recorded commits are a prefix of the accepted ones.
    ///
    /// # Errors
    /// [`StoreError`] when the outcome of the whole batch is unknown or nothing was recorded. After a failed write or sync the store
    /// refuses all further writes with [`StoreError::Halted`] until it is opened again.
    async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError>;

    /// The store again, if it answers in the call, without waiting or blocking: then its callers need no future for every commit.
    /// A store that does not say so is asked with [`append`](Store::append).
    fn immediate(&self) -> Option<&dyn Immediate> {
        None
    }

    /// Whether it is certain, without waiting, that nothing was recorded for this command id in this stream. `false` says nothing:
    /// then [`find_command`](Store::find_command) is asked.
    fn is_new_command(&self, _stream: &StreamId, _id: &CommandId) -> bool {
        false
    }

    /// What was recorded for this command id in this stream, if anything.
    async fn find_command(&self, stream: &StreamId, id: &CommandId) -> Result<Option<Committed>, StoreError>;

    /// Where the stream stands; `None` when nothing was ever recorded. An erased stream has a head, with `erased` set.
    async fn stream_head(&self, stream: &StreamId) -> Result<Option<StreamHead>, StoreError>;

    /// Events of one stream, starting with revision `from` (inclusive), forwards to the last or backwards to the first. `None` starts
    /// at the respective end. [`Page::next`] is the `from` of the next page.
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Revision>, StoreError>;

    /// Events of the whole log that `filter` lets through, in position order, behind position `after` (exclusive; `None` is the
    /// start). [`Page::next`] is the `after` of the next page: it moves on even when the filter let nothing through, and is `None`
    /// once the head was reached.
    async fn read_log(
        &self,
        after: Option<Position>,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page<RecordedEvent, Position>, StoreError>;

    /// The last position that is visible; `None` while the log is empty.
    async fn head(&self) -> Result<Option<Position>, StoreError>;

    /// Waits until the head is beyond `position` and returns it. Cancel safe; costs nothing while nothing is recorded. Who waits when
    /// the store is closed is answered [`StoreError::Closed`].
    async fn wait_for_head(&self, position: Option<Position>) -> Result<Position, StoreError>;

    /// Streams that hold something, be it a commit of nothing, in the order of [`StreamId`], of one kind or of all, behind `after` (exclusive). Erased streams
    /// are left out. [`Page::next`] is the `after` of the next page.
    async fn list_streams(
        &self,
        kind: Option<&str>,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Page<StreamHead, StreamId>, StoreError>;

    /// Streams that were erased, in the order of [`StreamId`], behind `after` (exclusive): what a copy closes, too.
    ///
    /// # Errors
    /// As [`list_commands`](Store::list_commands).
    async fn list_erased(&self, _after: Option<&StreamId>, _limit: usize) -> Result<Page<StreamHead, StreamId>, StoreError> {
        Err(StoreError::unlisted("erased streams"))
    }

    /// What was recorded for each command of a stream, in the order of recording, from the one with this ordinal on, counted from 0: also
    /// for those whose events were deleted, and those that recorded nothing. [`Page::next`] is the `from` of the next page. Of an erased
    /// stream nothing is left.
    ///
    /// # Errors
    /// [`StoreError::Other`] from a store around another that does not hand it on: that store cannot be copied.
    async fn list_commands(&self, _stream: &StreamId, _from: u64, _limit: usize) -> Result<Page<Committed, u64>, StoreError> {
        Err(StoreError::unlisted("commands"))
    }

    /// Every kind, event name and version that was ever recorded, in order: what a program must be able to read.
    async fn event_types(&self) -> Result<Vec<EventType>, StoreError>;

    /// Keeps a snapshot in place of the stream's earlier one, unless that one is of a later revision.
    ///
    /// # Errors
    /// [`StoreError::BeyondHead`] when the stream has not reached the snapshot's revision, or was erased. Nothing was kept.
    async fn save_snapshot(&self, stream: &StreamId, snapshot: Snapshot) -> Result<(), StoreError>;

    /// The stream's snapshot, if one is kept. Disposable: without it nothing else changes (I8).
    async fn load_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError>;

    /// Forgets the stream's snapshot. Not an error when there is none.
    async fn delete_snapshot(&self, stream: &StreamId) -> Result<(), StoreError>;

    /// The state that a durable aggregate was last saved with, by a commit of [`Body::State`](super::Body::State).
    async fn load_state(&self, stream: &StreamId) -> Result<Option<StoredState>, StoreError>;

    /// The states that were last saved behind position `after` (exclusive; `None` is the start), of these kinds or of all when none is
    /// named: one for each stream, in the order of their positions (I3). What is saved again while somebody reads page by page comes
    /// again, behind what was read, and never an older state after a newer one. Erased streams are left out. [`Page::next`] is the
    /// `after` of the next page, as that of [`read_log`](Store::read_log) is.
    async fn read_states(
        &self,
        after: Option<Position>,
        kinds: &[Name],
        limit: usize,
    ) -> Result<Page<StoredState, Position>, StoreError>;

    /// Records durably that the named consumer has finished everything up to `position`; `None` sends it back to the start.
    ///
    /// # Errors
    /// [`StoreError::BeyondHead`] when the log has not reached the position (I6). The former checkpoint stands.
    async fn save_checkpoint(&self, consumer: &str, position: Option<Position>) -> Result<(), StoreError>;

    /// What the named consumer has finished; `None` when it has not begun.
    async fn load_checkpoint(&self, consumer: &str) -> Result<Option<Position>, StoreError>;

    /// Every named consumer with its checkpoint, in the order of the names. A consumer sent back to the start is listed with `None`.
    async fn list_checkpoints(&self) -> Result<Vec<(String, Option<Position>)>, StoreError>;

    /// Forgets a consumer, so that it holds up [`delete_up_to`](Store::delete_up_to) no longer. Not an error when there is none.
    async fn delete_checkpoint(&self, consumer: &str) -> Result<(), StoreError>;

    /// Changes rows and moves a consumer's checkpoint, whole and durable in one step, and answers when it is (I6). Steps of one consumer
    /// and the rows of commits take effect in the order in which they are recorded.
    ///
    /// In this order: rows that are not [valid](super::RowChange::is_valid) → [`Stepped::Invalid`]; more than
    /// [`Capabilities::max_commit_bytes`] → [`Stepped::TooLarge`]; the consumer stands elsewhere → [`Stepped::Overtaken`].
    ///
    /// # Errors
    /// [`StoreError::BeyondHead`] when the log has not reached the checkpoint (I6). Nothing was changed.
    async fn step(&self, step: Step) -> Result<Stepped, StoreError>;

    /// The contents of these rows, in the order of the keys that were asked for; `None` for those that are not there. One call sees each
    /// step, and the rows of each commit, whole or not at all.
    async fn load_rows(&self, table: &str, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError>;

    /// The rows of a table in the order of their keys, from `start` (inclusive; empty is the beginning) up to `end` (exclusive; `None` is
    /// the end of the table). [`Page::next`] is the `start` of the next page. One page sees each step whole or not at all.
    async fn list_rows(
        &self,
        table: &str,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page<Row, Bytes>, StoreError>;

    /// The tables that have rows, in the order of their names.
    ///
    /// # Errors
    /// As [`list_commands`](Store::list_commands).
    async fn list_tables(&self) -> Result<Vec<Name>, StoreError> {
        Err(StoreError::unlisted("tables"))
    }

    /// Deletes the events of a stream up to `revision` (inclusive). Revisions and positions are not given again; the head stands.
    /// The command ids of deleted commits stay known. Deleting again what is gone is no error, nor is a stream that keeps a state:
    /// it has no events to delete.
    ///
    /// # Errors
    /// - [`StoreError::BeyondHead`] when the stream has not reached the revision;
    /// - [`StoreError::HeldBack`] when a named consumer that [holds up](super::holds_up) the stream has not finished one of these events;
    ///   it names one such consumer, and the position of the last of the events.
    ///
    /// In both cases nothing was deleted.
    async fn delete_up_to(&self, stream: &StreamId, revision: Revision) -> Result<(), StoreError>;

    /// Erases a stream for good: its events, state, snapshot, command ids and replies. Further appends to it are refused. Not an
    /// error when it holds nothing; it is closed then all the same. Consumers are not waited for.
    async fn erase(&self, stream: &StreamId) -> Result<(), StoreError>;

    /// Finishes what was taken, makes it durable and lets go of the resources. Later calls answer [`StoreError::Closed`]; closing
    /// twice is no error.
    async fn close(&self) -> Result<(), StoreError>;
}

/// A store that answers in the call, without waiting or blocking.
pub trait Immediate: Send + Sync {
    /// [`Store::append`] of a batch of one.
    ///
    /// # Errors
    /// As there.
    fn append_one(&self, commit: Commit) -> Result<Verdict, StoreError>;
}

/// What a store can do beyond the rules that all stores keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// What was acknowledged is there when the store is opened again.
    pub persistent: bool,
    /// The most bytes that one commit may hold (payloads, names, metadata and reply together).
    pub max_commit_bytes: usize,
    /// How many bytes it needs for itself of every kind, which has [`StreamId::MAX_KIND_BYTES`] less then, and of every table's name,
    /// which has 255 less.
    pub reserved: usize,
    /// How many batches it makes durable together, 1 or more: the engine keeps so many under way, each of other streams.
    pub together: usize,
}

impl Capabilities {
    /// Forgets everything when it is dropped; a commit may hold `max_commit_bytes`.
    #[must_use]
    pub const fn volatile(max_commit_bytes: usize) -> Self {
        Self { persistent: false, max_commit_bytes, reserved: 0, together: 1 }
    }

    /// The same, for a store that makes so many batches durable together.
    #[must_use]
    pub const fn together(self, batches: usize) -> Self {
        Self { together: if batches == 0 { 1 } else { batches }, ..self }
    }

    /// The same, for a store that needs so many bytes of names for itself.
    #[must_use]
    pub const fn reserving(self, bytes: usize) -> Self {
        Self { reserved: bytes, ..self }
    }

    /// Keeps what it acknowledged; a commit may hold `max_commit_bytes`.
    #[must_use]
    pub const fn persistent(max_commit_bytes: usize) -> Self {
        Self { persistent: true, max_commit_bytes, reserved: 0, together: 1 }
    }
}
