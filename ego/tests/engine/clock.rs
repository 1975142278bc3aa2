//! I3: time stands in the metadata, and nothing is decided by it: a clock that goes backwards, stands still or shows the last or first
//! time there is changes neither the order nor whether commands are taken. What waits does so by a clock that cannot be set.

use crate::tally::*;
use crate::{limits, start, until};
use ego::Timestamp;
use ego::clock::{Clock, IdSource, ManualClock, UuidSource};
use ego::engine::CommandError;
use ego::message::CommandId;
use ego::prelude::*;
use ego::store::{AnyStore, Filter, MemoryStore, Store};
use ego_sled::SledStore;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Shows an earlier time whenever it is asked, by an hour, and now and then the last or the first that there is.
#[derive(Clone)]
struct Backwards(Arc<AtomicI64>);

impl Backwards {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(0)))
    }

    fn asked(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Clock for Backwards {
    fn now(&self) -> Timestamp {
        let asked = self.0.fetch_add(1, Ordering::SeqCst);
        match asked % 10 {
            7 => Timestamp::MAX,
            8 => Timestamp::MIN,
            _ => Timestamp::from_second(2_000_000_000 - asked * 3600).unwrap(),
        }
    }
}

/// Ids that sort against the order in which they were made, as those of a clock that goes backwards do.
struct Descending(AtomicI64);

impl IdSource for Descending {
    fn next(&self) -> CommandId {
        CommandId::new(format!("{:012}", self.0.fetch_sub(1, Ordering::SeqCst))).unwrap()
    }
}

async fn goes_on(store: impl Store + Clone) {
    let clock = Backwards::new();
    let ids = Descending(AtomicI64::new(999_999));
    let (engine, _) = start(Engine::builder().store(store.clone()).clock(clock.clone()).id_source(ids)).await;
    let mut last = None;
    for number in 1..=40 {
        let receipt = engine.send::<Tally>(format!("{}", number % 3), Count { by: 1 }).await.unwrap();
        assert!(receipt.position > last, "positions only grow");
        last = receipt.position;
    }
    assert!(clock.asked() >= 40);
    let log = store.read_log(None, &Filter::all(), 1000).await.unwrap().items;
    let positions: Vec<u64> = log.iter().map(|event| event.position.get()).collect();
    assert_eq!(positions, (1..=40).collect::<Vec<_>>());
    assert!(log.windows(2).any(|pair| pair[0].metadata.time > pair[1].metadata.time), "time went backwards");
    assert!(log.windows(2).all(|pair| pair[0].metadata.command_id > pair[1].metadata.command_id));
    for id in 0..3 {
        let events = engine.history::<Tally>(id.to_string()).unwrap().collect().await.unwrap();
        let revisions: Vec<u64> = events.iter().map(|event| event.revision.get()).collect();
        assert_eq!(revisions, (1..=events.len() as u64).collect::<Vec<_>>());
        assert_eq!(engine.load::<Tally>(id.to_string()).await.unwrap().state.total, events.len() as u64);
    }
    // The next engine, on a clock that is behind all of that.
    engine.stop(Duration::from_secs(10)).await.unwrap();
}

#[tokio::test]
async fn i3_a_clock_that_goes_backwards_changes_no_order() {
    goes_on(MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_a_clock_that_goes_backwards_changes_no_order_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    goes_on(SledStore::open(folder.path()).unwrap()).await;
    let store = AnyStore::new(SledStore::open(folder.path()).unwrap());
    let (engine, _) = start(Engine::builder().store(store).clock(ManualClock::at(Timestamp::MIN))).await;
    let receipt = engine.send::<Tally>("0", Count { by: 1 }).await.unwrap();
    assert_eq!((receipt.reply, receipt.position.unwrap().get()), (14, 41));
    engine.stop(Duration::from_secs(10)).await.unwrap();
}

#[tokio::test]
async fn i12_idle_aggregates_leave_whatever_the_clock_shows() {
    let clock = Backwards::new();
    let limits = limits(|limits| limits.idle = Duration::from_millis(40));
    let (engine, _) = start(Engine::builder().clock(clock).limits(limits)).await;
    for number in 0..5 {
        engine.send::<Tally>(number.to_string(), Count { by: 3 }).await.unwrap();
    }
    until(|| engine.active_aggregates() == 0).await;
    assert_eq!(engine.send::<Tally>("4", Count { by: 1 }).await.unwrap().reply, 4);
}

#[tokio::test]
async fn i12_a_timeout_comes_whatever_the_clock_shows() {
    let clock = ManualClock::at(Timestamp::MAX);
    let (engine, signal) = start(Engine::builder().clock(clock.clone())).await;
    let hanging = engine.send::<Tally>("a", CountWhenLet).timeout(Duration::from_millis(30));
    clock.set(Timestamp::MIN);
    let error = tokio::time::timeout(Duration::from_secs(20), hanging.into_future()).await.expect("it hangs").unwrap_err();
    assert!(matches!(error, CommandError::Timeout { .. }), "{error}");
    assert_eq!(engine.send::<Tally>("a", Count { by: 1 }).await.unwrap().reply, 1, "the hanging handler is gone");
    clock.set(Timestamp::MAX);
    // A jump forwards ends nobody's time either.
    let mut waiting = std::pin::pin!(engine.send::<Tally>("b", CountWhenLet).into_future());
    assert!(futures_util::FutureExt::now_or_never(&mut waiting).is_none());
    signal.wait_until_waiting(2).await;
    signal.permits.add_permits(1);
    assert_eq!(waiting.await.unwrap().revision.map(u64::from), Some(1));
    engine.stop(Duration::from_secs(10)).await.unwrap();
}

#[test]
fn i11_ids_are_unique_also_when_they_are_made_at_one_moment() {
    let made: Vec<_> =
        (0..4).map(|_| std::thread::spawn(|| (0..20_000).map(|_| UuidSource.next()).collect::<Vec<_>>())).collect();
    let ids: HashSet<_> = made.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(ids.len(), 80_000);
}
