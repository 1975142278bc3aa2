//! Reactors: who is given an event, how often, and what becomes of it when that fails.

use crate::domain::*;
use crate::rigged::{ALL, Rigged};
use crate::support::*;
use ego::__private::{Location, ReactorDescriptor, ReactorSource, ReactorSources, TypeRef, inventory};
use ego::Engine;
use ego::consumer::{Backoff, Begin, ConsumerHandle, ConsumerKind, Policy, State};
use ego::engine::{StartError, StartProblem};
use ego::model::{Audience, Delivery, Failure, Reactor, Reacts};
use ego::prelude::*;
use ego::reactor::ReactorOptions;
use ego::store::{MemoryStore, Store};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What reactors were given: tokens and attempts.
type Seen = Arc<Mutex<Vec<(String, u32)>>>;

/// Says how a reactor fails at an event.
type Fails = Arc<dyn Fn(&Delivery) -> Result<(), Failure> + Send + Sync>;

/// A reactor that notes what it is given. Three of a kind, one for each audience.
macro_rules! notes {
    ($name:ident, $named:literal, $audience:expr) => {
        struct $name {
            seen: Seen,
            fails: Fails,
        }
        impl Default for $name {
            fn default() -> Self {
                Self { seen: Seen::default(), fails: Arc::new(|_| Ok(())) }
            }
        }
        impl $name {
            fn note(&self, delivery: &Delivery) -> Result<(), Failure> {
                (self.fails)(delivery)?;
                self.seen.lock().unwrap().push((delivery.token().to_string(), delivery.attempt()));
                Ok(())
            }
        }
        impl Reactor for $name {
            const NAME: &'static str = $named;
            const AUDIENCE: Audience = $audience;
        }
        impl Reacts<Account> for $name {
            async fn react(&self, _: &AccountEvent, delivery: &Delivery) -> Result<(), Failure> {
                self.note(delivery)
            }
        }
        impl Reacts<Order> for $name {
            async fn react(&self, _: &OrderEvent, delivery: &Delivery) -> Result<(), Failure> {
                self.note(delivery)
            }
        }
        impl ReactorSources for $name {
            const SOURCES: &'static [ReactorSource<Self>] = &[
                ReactorSource::of::<Account>(Location::new(file!(), line!()), &[]),
                ReactorSource::of::<Order>(Location::new(file!(), line!()), &[]),
            ];
        }
    };
}

impl Group {
    fn failing(fails: impl Fn(&Delivery) -> Result<(), Failure> + Send + Sync + 'static) -> Self {
        Self { seen: Seen::default(), fails: Arc::new(fails) }
    }
}

notes!(Group, "group", Audience::Group);
notes!(Observer, "observer", Audience::Observer);
notes!(Ephemeral, "ephemeral", Audience::Ephemeral);

fn tokens(seen: &Seen) -> Vec<String> {
    seen.lock().unwrap().iter().map(|(token, _)| token.clone()).collect()
}

fn ids(positions: impl IntoIterator<Item = u64>) -> Vec<String> {
    positions.into_iter().map(|position| format!("{position}.0")).collect()
}

fn at_once(policy: Policy, retries: u32) -> ReactorOptions {
    ReactorOptions::new().policy(policy.retries(retries).backoff(Backoff::new(Duration::ZERO, Duration::ZERO)))
}

fn reactor(engine: &Engine, name: &str) -> ConsumerHandle {
    engine.consumer(ConsumerKind::Reactor, name).unwrap()
}

async fn until_seen(seen: &Seen, events: usize) {
    until(&format!("{events} were handled"), async || seen.lock().unwrap().len() >= events).await;
}

#[tokio::test]
async fn a_group_is_given_every_event_of_its_kinds_in_order_from_the_first_on() {
    let store = MemoryStore::new();
    record(&store, &account("a"), "Moved", 1, r#"{"amounts":[1,2]}"#, &[]).await;
    let group = Group::default();
    let seen = Arc::clone(&group.seen);
    let engine = Engine::builder().store(store).reactor(group, ReactorOptions::new()).start().await.unwrap();
    deposit(&engine, "a", [3]).await;
    engine.send::<Order>("o", Place { total: 4 }).await.unwrap();
    until_done(&engine, &reactor(&engine, "group")).await;
    assert_eq!(tokens(&seen), ["1.0", "1.1", "2.0", "3.0"]);
    stop(&engine).await;
}

#[tokio::test]
async fn a_group_goes_on_behind_its_checkpoint() {
    let store = MemoryStore::new();
    for round in 0..3 {
        let group = Group::default();
        let seen = Arc::clone(&group.seen);
        let engine = Engine::builder().store(store.clone()).reactor(group, ReactorOptions::new()).start().await.unwrap();
        deposit(&engine, "a", [1, 2]).await;
        until_done(&engine, &reactor(&engine, "group")).await;
        stop(&engine).await;
        assert_eq!(tokens(&seen), ids(2 * round + 1..=2 * round + 2));
    }
    assert_eq!(store.list_checkpoints().await.unwrap(), [("reactor/group".to_owned(), Some(position(6)))]);
}

#[tokio::test]
async fn i6_a_group_loses_nothing_when_the_process_ends_before_the_checkpoint() {
    let store = Rigged::on(MemoryStore::new());
    store.rig.fail_steps.store(ALL, SeqCst);
    let group = Group::default();
    let seen = Arc::clone(&group.seen);
    let engine = Engine::builder().store(store.clone()).reactor(group, ReactorOptions::new()).start().await.unwrap();
    deposit(&engine, "a", [1, 2]).await;
    until_seen(&seen, 1).await;
    drop(engine);
    let group = Group::default();
    let seen = Arc::clone(&group.seen);
    let engine = Engine::builder().store(store.inner.clone()).reactor(group, ReactorOptions::new()).start().await.unwrap();
    until_done(&engine, &reactor(&engine, "group")).await;
    assert_eq!(tokens(&seen), ids(1..=2));
    stop(&engine).await;
}

#[tokio::test]
async fn an_observer_has_a_checkpoint_for_each_node() {
    let store = MemoryStore::new();
    let mut seen = Vec::new();
    for node in ["one", "two", "one"] {
        let observer = Observer::default();
        let of_node = Arc::clone(&observer.seen);
        let builder = Engine::builder().store(store.clone()).node(node);
        let engine = builder.reactor(observer, ReactorOptions::new()).start().await.unwrap();
        deposit(&engine, "a", [1]).await;
        let checkpoint = format!("reactor/observer@{node}");
        until("it is done", async || store.load_checkpoint(&checkpoint).await.unwrap() == store.head().await.unwrap()).await;
        stop(&engine).await;
        seen.push(tokens(&of_node));
    }
    assert_eq!(seen, [ids([1]), ids(1..=2), ids(2..=3)]);
}

#[tokio::test]
async fn an_ephemeral_one_sees_what_comes_and_leaves_nothing_behind() {
    let store = MemoryStore::new();
    for _ in 0..2 {
        record(&store, &account("a"), "Deposited", 1, r#"{"amount":1}"#, &[]).await;
        let before = store.head().await.unwrap().unwrap().get();
        let ephemeral = Ephemeral::default();
        let seen = Arc::clone(&ephemeral.seen);
        let engine = Engine::builder().store(store.clone()).reactor(ephemeral, ReactorOptions::new()).start().await.unwrap();
        deposit(&engine, "a", [2, 3]).await;
        until_seen(&seen, 2).await;
        assert_eq!(tokens(&seen), ids(before + 1..=before + 2));
        stop(&engine).await;
    }
    assert!(store.list_checkpoints().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_ephemeral_one_that_was_paused_goes_on_where_it_was() {
    let ephemeral = Ephemeral::default();
    let seen = Arc::clone(&ephemeral.seen);
    let engine = Engine::builder().reactor(ephemeral, ReactorOptions::new()).start().await.unwrap();
    let handle = reactor(&engine, "ephemeral");
    deposit(&engine, "a", [1]).await;
    until_status(&handle, "it is there", |status| status.lag == 0).await;
    handle.pause();
    until_state(&handle, State::Paused).await;
    deposit(&engine, "a", [2, 3]).await;
    assert_eq!(tokens(&seen), ids([1]));
    handle.resume();
    until_seen(&seen, 3).await;
    assert_eq!(tokens(&seen), ids(1..=3));
    stop(&engine).await;
}

#[tokio::test]
async fn begin_now_leaves_out_what_was_there() {
    let store = MemoryStore::new();
    record(&store, &account("a"), "Deposited", 1, r#"{"amount":1}"#, &[]).await;
    let group = Group::default();
    let seen = Arc::clone(&group.seen);
    let options = ReactorOptions::new().begin(Begin::Now);
    let engine = Engine::builder().store(store).reactor(group, options).start().await.unwrap();
    deposit(&engine, "a", [2]).await;
    until_seen(&seen, 1).await;
    assert_eq!(tokens(&seen), ids([2]));
    stop(&engine).await;
}

#[tokio::test]
async fn a_failure_is_tried_again_with_its_attempt_and_then_stops_it_visibly() {
    let group = Group::failing(|delivery| match (delivery.position().get(), delivery.attempt()) {
        (2, attempt) if attempt < 3 => Err(Failure::new("not yet")),
        (4, _) => Err(Failure::new("never")),
        _ => Ok(()),
    });
    let seen = Arc::clone(&group.seen);
    let engine = Engine::builder().reactor(group, at_once(Policy::fail(), 3)).start().await.unwrap();
    deposit(&engine, "a", 1..=5).await;
    let status = until_state(&reactor(&engine, "group"), State::Failed).await;
    assert_eq!(*seen.lock().unwrap(), [("1.0".to_owned(), 1), ("2.0".to_owned(), 3), ("3.0".to_owned(), 1)]);
    let error = status.last_error.unwrap();
    assert_eq!((&*error.message, error.position, error.attempts), ("never", Some(position(4)), 4));
    assert_eq!((status.failures, status.position), (2 + 4, Some(position(3))));
    until("the checkpoint is kept", async || engine.store().load_checkpoint("reactor/group").await.unwrap() == Some(position(3)))
        .await;
    stop(&engine).await;
}

#[tokio::test]
async fn skip_leaves_out_one_event() {
    let group = Group::failing(|delivery| if delivery.position() == 2 { Err(Failure::new("no")) } else { Ok(()) });
    let seen = Arc::clone(&group.seen);
    let engine = Engine::builder().reactor(group, at_once(Policy::skip(), 1)).start().await.unwrap();
    deposit(&engine, "a", 1..=4).await;
    until_done(&engine, &reactor(&engine, "group")).await;
    assert_eq!(tokens(&seen), ids([1, 3, 4]));
    let status = reactor(&engine, "group").status().await.unwrap();
    assert_eq!((status.skipped, status.failures, status.state), (1, 2, State::Running));
    stop(&engine).await;
}

#[tokio::test]
async fn a_panic_and_an_unreadable_event_are_failures_like_any_other() {
    let store = MemoryStore::new();
    for payload in [r#"{"amount":1}"#, r#"{"amount":"much"}"#, r#"{"amount":3}"#, r#"{"amount":4}"#] {
        record(&store, &account("a"), "Deposited", 1, payload, &[]).await;
    }
    let group = Group::failing(|delivery| {
        assert!(delivery.position() != 3, "three is too much");
        Ok(())
    });
    let seen = Arc::clone(&group.seen);
    let engine = Engine::builder().store(store).reactor(group, at_once(Policy::skip(), 1)).start().await.unwrap();
    until_done(&engine, &reactor(&engine, "group")).await;
    assert_eq!(tokens(&seen), ids([1, 4]));
    let status = reactor(&engine, "group").status().await.unwrap();
    assert_eq!((status.skipped, status.failures), (2, 3), "what cannot be read is not tried again");
    assert!(status.last_error.unwrap().message.contains("three is too much"));
    stop(&engine).await;
}

/// Linked in, as `#[ego::reactor]` does it: every engine of this program runs it.
#[derive(Default)]
struct Everywhere;

static EVERYWHERE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

impl Reactor for Everywhere {
    const NAME: &'static str = "everywhere";
    const AUDIENCE: Audience = Audience::Ephemeral;
}
impl Reacts<Visit> for Everywhere {
    async fn react(&self, _: &VisitEvent, delivery: &Delivery) -> Result<(), Failure> {
        EVERYWHERE.lock().unwrap().insert(delivery.id().to_owned());
        Ok(())
    }
}
impl ReactorSources for Everywhere {
    const SOURCES: &'static [ReactorSource<Self>] = &[ReactorSource::of::<Visit>(Location::new(file!(), line!()), &[])];
}
inventory::submit! { ReactorDescriptor::of::<Everywhere>(Location::new(file!(), line!())) }

#[tokio::test]
async fn a_reactor_that_is_linked_in_runs_without_a_word() {
    let engine = Engine::builder().start().await.unwrap();
    engine.send::<Visit>("v", Come).await.unwrap();
    until("it has seen it", async || EVERYWHERE.lock().unwrap().contains("v")).await;
    stop(&engine).await;
}

#[tokio::test]
async fn a_value_that_is_given_takes_the_place_of_the_linked_one() {
    let engine = Engine::builder().reactor(Everywhere, ReactorOptions::new()).start().await.unwrap();
    assert_eq!(engine.consumers().iter().filter(|consumer| consumer.name() == "everywhere").count(), 1);
    stop(&engine).await;
}

/// A kind that nobody registered, and a service that nobody gave.
#[derive(Default)]
struct Wrong;

#[derive(Default)]
struct Unregistered;
impl Aggregate for Unregistered {
    const KIND: &'static str = "unregistered";
    type Event = OrderEvent;
    fn apply(&mut self, _: &OrderEvent) {}
}
trait Mail: Send + Sync {}

impl Reactor for Wrong {
    const NAME: &'static str = "wrong@all";
}
impl Reacts<Unregistered> for Wrong {
    async fn react(&self, _: &OrderEvent, _: &Delivery) -> Result<(), Failure> {
        Ok(())
    }
}
impl ReactorSources for Wrong {
    const SOURCES: &'static [ReactorSource<Self>] =
        &[ReactorSource::of::<Unregistered>(Location::new(file!(), line!()), &[TypeRef::of::<dyn Mail>()])];
}

#[tokio::test]
async fn what_is_wrong_with_reactors_is_said_at_the_start_all_at_once() {
    let builder = Engine::builder()
        .reactor(Group::default(), ReactorOptions::new().policy(Policy::dead_letter()))
        .reactor(Group::default(), ReactorOptions::new())
        .reactor(Observer::default(), ReactorOptions::new())
        .reactor(Wrong, ReactorOptions::new());
    let Err(StartError::Problems(problems)) = builder.start().await else { panic!("it starts") };
    let said = |wanted: fn(&StartProblem) -> bool| {
        assert_eq!(problems.iter().filter(|problem| wanted(problem)).count(), 1, "{problems:?}")
    };
    said(|problem| matches!(problem, StartProblem::NoDeadLetters { name, .. } if name == "group"));
    said(
        |problem| matches!(problem, StartProblem::DuplicateReactor { name: "group", first, second } if first.location != second.location),
    );
    said(|problem| matches!(problem, StartProblem::NoNode { name: "observer" }));
    said(|problem| matches!(problem, StartProblem::UnknownSource { aggregate, .. } if aggregate.contains("Unregistered")));
    said(|problem| matches!(problem, StartProblem::MissingService { service, .. } if service.contains("Mail")));
    said(|problem| matches!(problem, StartProblem::ConsumerName { name, .. } if name == "wrong@all"));
    assert_eq!(problems.len(), 6, "{problems:?}");
}
