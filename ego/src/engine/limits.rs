//! What an engine takes at once (I12).

use std::time::Duration;
use tokio::sync::Semaphore;

/// What an engine takes at once. Over a limit the caller waits or gets a typed error; nothing grows beyond it and nothing is
/// dropped silently (I12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many commands may wait for one aggregate; more wait with their senders, first come first served. A sender that is kept
    /// without being polled keeps its place in that line. Default 1,024, at least 1.
    pub mailbox: usize,
    /// How many aggregates of one kind are kept in memory. Over it, the one that was used longest ago leaves first. Aggregates with a
    /// command under way are never sent away, so there may be as many more as commands are under way. Default 10,000, at least 1.
    pub active_aggregates: usize,
    /// How long an aggregate stays in memory without a command. Default 2 minutes.
    pub idle: Duration,
    /// How many aggregates are replayed at the same time. Default 64, at least 1.
    pub recoveries: usize,
    /// How many events are read from the store at once. Default 1,000, at least 1.
    pub page: usize,
    /// How many bytes of commits, and of answers that wait for them, may wait for the store. Default 64 MiB, at least 64 KiB.
    pub commit_bytes: usize,
    /// How many commits the store is given at once. Default 4,096, at least 1.
    pub batch: usize,
    /// How many bytes of snapshots may wait to be saved; over it, none is taken until there is room. Default 16 MiB, at least 1.
    pub snapshot_bytes: usize,
    /// How often a command decides again after another writer was first (I5). Default 16.
    pub conflict_retries: u32,
    /// How long a command may take, from the first poll to the reply, unless its sender says otherwise. Default 30 seconds.
    pub timeout: Duration,
    /// How many commands that nobody waits for may be under way. Default 10,000.
    pub forgotten: usize,
    /// How many aggregates are sent commands of timers that are due at the same time. Default 64, at least 1.
    pub timers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mailbox: 1024,
            active_aggregates: 10_000,
            idle: Duration::from_secs(120),
            recoveries: 64,
            page: 1000,
            commit_bytes: 64 << 20,
            batch: 4096,
            snapshot_bytes: 16 << 20,
            conflict_retries: 16,
            timeout: Duration::from_secs(30),
            forgotten: 10_000,
            timers: 64,
        }
    }
}

impl Limits {
    /// The same, with everything that must be there raised to its least, and what is counted in permits lowered to their most.
    pub(super) fn in_bounds(mut self) -> Self {
        for least_one in [
            &mut self.mailbox,
            &mut self.active_aggregates,
            &mut self.recoveries,
            &mut self.page,
            &mut self.batch,
            &mut self.timers,
            &mut self.snapshot_bytes,
        ] {
            *least_one = (*least_one).max(1);
        }
        for permits in [&mut self.mailbox, &mut self.recoveries, &mut self.forgotten] {
            *permits = (*permits).min(Semaphore::MAX_PERMITS);
        }
        self.commit_bytes = self.commit_bytes.clamp(64 << 10, Semaphore::MAX_PERMITS.min(u32::MAX as usize / 2));
        self
    }
}
