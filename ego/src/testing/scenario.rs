//! Given, when, then: a domain tested without an engine and without a store (I9).
//!
//! What goes wrong before the command runs (an event that its codec cannot keep, a missing service) is a broken arrangement, and says
//! so; what goes wrong after it is the test's own failure. Commands, events and replies go through JSON on the way, so that a type
//! that would be stored wrongly fails here and not in production.

use crate::codec::AnyCodec;
use crate::message::{CommandId, Metadata, MetadataDraft, Revision, StreamId};
use crate::model::{
    Aggregate, AsState, Command, Context, Event, HandledBy, HandlerResult, Outcome, Rejection, Reply, Services, Stored,
    TimerChange, When,
};
use jiff::Timestamp;
use serde_json::Value;
use std::borrow::Borrow;
use std::fmt::Debug;
use std::sync::Arc;

/// Begins a test of an aggregate.
///
/// ```
/// use ego::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Event, Debug, PartialEq, Serialize, Deserialize)]
/// # pub enum TallyEvent { Counted { by: u64 } }
/// # #[derive(Command, Serialize, Deserialize)]
/// # pub struct Count { by: u64 }
/// # #[derive(Aggregate, Default)]
/// # #[aggregate(name = "tally", event = TallyEvent)]
/// # pub struct Tally { total: u64 }
/// # #[ego::handlers]
/// # impl Tally {
/// #     #[handle]
/// #     fn count(&self, cmd: Count) -> Result<TallyEvent, String> {
/// #         if cmd.by == 0 { Err("nothing to count".to_owned()) } else { Ok(TallyEvent::Counted { by: cmd.by }) }
/// #     }
/// #     #[apply]
/// #     fn apply(&mut self, event: &TallyEvent) {
/// #         match event { TallyEvent::Counted { by } => self.total += by }
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// ego::test::<Tally>()
///     .given([TallyEvent::Counted { by: 2 }])
///     .when(Count { by: 3 })
///     .await
///     .then_events([TallyEvent::Counted { by: 3 }])
///     .and()
///     .when(Count { by: 0 })
///     .await
///     .then_rejected("nothing to count".to_owned());
/// # }
/// ```
///
/// A durable aggregate begins with a state, and leaves one:
///
/// ```
/// use ego::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Command, Serialize, Deserialize)]
/// # pub struct Add { item: String }
/// #[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
/// #[aggregate(name = "cart", durable)]
/// pub struct Cart { items: Vec<String> }
/// # #[ego::handlers]
/// # impl Cart {
/// #     #[handle]
/// #     fn add(&mut self, cmd: Add) -> Result<usize, String> {
/// #         if self.items.len() == 2 { return Err("the cart is full".to_owned()); }
/// #         self.items.push(cmd.item);
/// #         Ok(self.items.len())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// ego::test::<Cart>()
///     .given_state(Cart { items: vec!["tea".into()] })
///     .when(Add { item: "milk".into() })
///     .await
///     .then_reply(2)
///     .then_state(Cart { items: vec!["tea".into(), "milk".into()] })
///     .and()
///     .when(Add { item: "salt".into() })
///     .await
///     .then_rejected("the cart is full".to_owned());
/// # }
/// ```
pub fn test<A: Aggregate>() -> Given<A> {
    Given {
        state: A::default(),
        revision: None,
        id: "under-test".to_owned(),
        metadata: MetadataDraft::new(),
        time: Timestamp::UNIX_EPOCH,
        services: Services::new(),
    }
}

/// An aggregate before a command: its past, and what its handlers may know.
#[must_use = "a test does something when a command comes"]
pub struct Given<A> {
    state: A,
    revision: Option<Revision>,
    id: String,
    metadata: MetadataDraft,
    time: Timestamp,
    services: Services,
}

impl<A: Aggregate> Given<A> {
    /// These events have happened, after those given before: an event, a payload of one, or several of them.
    ///
    /// # Panics
    /// With "the arrangement is broken" when an event does not come back from JSON as it went in.
    #[track_caller]
    pub fn given(mut self, events: impl Outcome<A::Event, Reply = ()>) -> Self {
        let mut happened = Vec::new();
        events.record(&mut happened);
        let happened: Vec<_> = happened.iter().map(|event| arranged(kept_event(event))).collect();
        self.append(&happened);
        self
    }

    /// The aggregate is in this state, whatever led to it, which counts as one revision more. What a durable aggregate begins with.
    pub fn given_state(mut self, state: A) -> Self {
        (self.state, self.revision) = (state, Revision::after(self.revision, 1));
        self
    }

    /// The aggregate is at this revision.
    pub fn at_revision(mut self, revision: Revision) -> Self {
        self.revision = Some(revision);
        self
    }

    /// Handlers find this service. Without it, one that asks for it panics.
    pub fn service<S: ?Sized + Send + Sync + 'static>(mut self, service: Arc<S>) -> Self {
        self.services.insert(service);
        self
    }

    /// The aggregate has this id; `under-test` when left out.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// The command comes at this time; 1970-01-01T00:00:00Z when left out.
    pub fn at(mut self, time: Timestamp) -> Self {
        self.time = time;
        self
    }

    /// The command comes with this metadata.
    pub fn metadata(mut self, metadata: MetadataDraft) -> Self {
        self.metadata = metadata;
        self
    }

    /// A command comes. Its events are applied, or the state that it leaves is saved, at once, so that [`Then::and`] goes on from there. The handler gets the command, and the
    /// state its events, as they come back from JSON.
    ///
    /// # Panics
    /// With "the arrangement is broken" when the id or the metadata is not allowed, or the command does not come back from JSON as it
    /// went in; when an event or the reply does not; with the handler's or the applier's own panic.
    pub async fn when<C: HandledBy<A>>(mut self, command: C) -> Then<A, C::Reply, C::Error> {
        let command = arranged(kept(&command, C::NAME));
        let stream = arranged(StreamId::new(A::KIND, &*self.id).map_err(|error| error.to_string()));
        let metadata = arranged(self.complete(C::NAME));
        let context = Context::new(stream, self.revision, Arc::new(metadata), Arc::new(self.services.clone()));
        let output = command.decide(&self.state, &context).await;
        let mut events = Vec::new();
        let outcome = output.record(&mut events);
        let mut timers = Vec::new();
        match &outcome {
            Ok(reply) => {
                stored(kept(reply, "reply"));
                let effects = context.into_effects().unwrap_or_default();
                if let Some((key, reason)) = effects.failed {
                    panic!("it would not be stored: the timer {key:?} cannot be scheduled: {}", causes(&reason));
                }
                timers = effects.timers;
            }
            Err(_) => events.clear(),
        }
        if A::STATE.is_some_and(|as_state| events.last().is_some_and(|saved| stored(is_stored(&as_state, &self.state, saved)))) {
            events.clear();
        }
        let recorded: Vec<_> = events.iter().map(|event| stored(kept_event(event))).collect();
        self.append(&recorded);
        Then { given: self, events, timers, outcome }
    }

    fn complete(&self, command: &'static str) -> Result<Metadata, String> {
        let id = CommandId::new("the-command").map_err(|error| error.to_string())?;
        self.metadata.clone().complete(id, command, self.time).map_err(|error| error.to_string())
    }

    fn append(&mut self, events: &[A::Event]) {
        events.iter().for_each(|event| self.state.apply(event));
        self.revision = Revision::after(self.revision, events.len() as u64);
    }
}

/// What a command led to. Each `then_…` panics with what was expected and what was found.
pub struct Then<A: Aggregate, R, E> {
    given: Given<A>,
    events: Vec<A::Event>,
    timers: Vec<TimerChange>,
    outcome: Result<R, E>,
}

impl<A: Aggregate, R: Reply, E: Rejection> Then<A, R, E> {
    /// The command was accepted and recorded these events, in this order, and no others; each comes back from JSON as it went in.
    ///
    /// # Panics
    /// When it was refused or recorded something else.
    #[track_caller]
    pub fn then_events(self, expected: impl Outcome<A::Event, Reply = ()>) -> Self
    where
        A::Event: PartialEq + Debug,
    {
        self.accepted();
        let mut events = Vec::new();
        expected.record(&mut events);
        assert!(self.events == events, "expected the events\n  {events:?}\nfound\n  {:?}", self.events);
        let recorded: Vec<_> = self.events.iter().map(|event| stored(kept_event(event))).collect();
        assert!(recorded == events, "expected the events\n  {events:?}\nfound, as they come back from JSON\n  {recorded:?}");
        self
    }

    /// The command was accepted and recorded nothing; a durable aggregate's state is what it was.
    ///
    /// # Panics
    /// When it was refused or recorded something.
    #[track_caller]
    pub fn then_nothing(self) -> Self {
        self.accepted();
        let names: Vec<_> = self.events.iter().map(|event| event.schema().name).collect();
        assert!(names.is_empty(), "expected no events, found {names:?}");
        self
    }

    /// The command was accepted with this reply, which comes back from JSON as it went in.
    ///
    /// # Panics
    /// When it was refused or replied something else.
    #[track_caller]
    pub fn then_reply(self, expected: impl Borrow<R>) -> Self
    where
        R: PartialEq + Debug,
    {
        let (expected, found) = (expected.borrow(), self.accepted());
        assert!(found == expected, "expected the reply\n  {expected:?}\nfound\n  {found:?}");
        let back = stored(kept(found, "reply"));
        assert!(back == *expected, "expected the reply\n  {expected:?}\nfound, as it comes back from JSON\n  {back:?}");
        self
    }

    /// The command was refused with this error.
    ///
    /// # Panics
    /// When it was accepted or refused with another error.
    #[track_caller]
    pub fn then_rejected(self, expected: impl Borrow<E>) -> Self
    where
        E: PartialEq,
    {
        let expected = expected.borrow();
        match &self.outcome {
            Err(found) => assert!(found == expected, "expected the error\n  {expected:?}\nfound\n  {found:?}"),
            Ok(_) => panic!("expected the error\n  {expected:?}\nbut the command was accepted with {:?}", self.names()),
        }
        self
    }

    /// The command was accepted and scheduled this command to the aggregate under this key, due then.
    ///
    /// # Panics
    /// When it was refused, or scheduled something else under the key, or nothing.
    #[track_caller]
    pub fn then_scheduled(self, key: &str, when: impl Into<When>, command: impl HandledBy<A>) -> Self {
        self.accepted();
        let when = when.into();
        let due = arranged(when.first(self.given.time).map_err(|error| error.to_string()));
        let expected = (name(&command), arranged(serde_json::to_value(&command).map_err(|error| error.to_string())));
        let Some(found) = self.timer(key).and_then(|change| change.timer.as_ref()) else {
            panic!("expected the timer {key:?}, found {:?}", self.timers);
        };
        assert!(found.due == due, "expected the timer {key:?} at {due}, found it at {}", found.due);
        let ticks = |when: &When| if let When::Cron(cron) = when { Some(cron.clone()) } else { None };
        assert!(ticks(&found.when) == ticks(&when), "expected the timer {key:?} to come {when:?}, found {:?}", found.when);
        let found = (found.command, found.content.clone());
        assert!(found == expected, "expected the timer {key:?} to send\n  {expected:?}\nfound\n  {found:?}");
        self
    }

    /// The command was accepted and took back the timer of this key.
    ///
    /// # Panics
    /// When it was refused, or did not.
    #[track_caller]
    pub fn then_cancelled(self, key: &str) -> Self {
        self.accepted();
        let cancelled = self.timer(key).is_some_and(|change| change.timer.is_none());
        assert!(cancelled, "expected the timer {key:?} to be cancelled, found {:?}", self.timers);
        self
    }

    /// The command scheduled nothing and took no timer back; a refused one never does.
    ///
    /// # Panics
    /// When it did.
    #[track_caller]
    pub fn then_no_timers(self) -> Self {
        assert!(self.timers.is_empty(), "expected no timers, found {:?}", self.timers);
        self
    }

    /// The aggregate is in this state now.
    ///
    /// # Panics
    /// When it is in another.
    #[track_caller]
    pub fn then_state(self, expected: impl Borrow<A>) -> Self
    where
        A: PartialEq + Debug,
    {
        let (expected, found) = (expected.borrow(), &self.given.state);
        assert!(found == expected, "expected the state\n  {expected:?}\nfound\n  {found:?}");
        self
    }

    /// Goes on from here with another command.
    pub fn and(self) -> Given<A> {
        self.given
    }

    /// The aggregate's state now.
    #[must_use]
    pub fn state(&self) -> &A {
        &self.given.state
    }

    /// The events that were recorded.
    #[must_use]
    pub fn events(&self) -> &[A::Event] {
        &self.events
    }

    /// The reply or the error.
    ///
    /// # Errors
    /// The handler's own.
    pub fn outcome(&self) -> Result<&R, &E> {
        self.outcome.as_ref()
    }

    #[track_caller]
    fn accepted(&self) -> &R {
        match &self.outcome {
            Ok(reply) => reply,
            Err(error) => panic!("the command was refused: {error} ({error:?})"),
        }
    }

    fn timer(&self, key: &str) -> Option<&TimerChange> {
        self.timers.iter().find(|change| change.key.as_str() == key)
    }

    fn names(&self) -> Vec<&'static str> {
        self.events.iter().map(|event| event.schema().name).collect()
    }
}

#[track_caller]
fn arranged<T>(part: Result<T, String>) -> T {
    match part {
        Ok(part) => part,
        Err(reason) => panic!("the arrangement is broken: {reason}"),
    }
}

#[track_caller]
fn stored<T>(part: Result<T, String>) -> T {
    match part {
        Ok(part) => part,
        Err(reason) => panic!("it would not be stored: {reason}"),
    }
}

fn name<C: Command>(_: &C) -> &'static str {
    C::NAME
}

/// The value as it comes back from JSON.
fn kept<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T, what: &str) -> Result<T, String> {
    let json = AnyCodec::default();
    let bytes = json.encode(value).map_err(|error| format!("{what} cannot be written: {error}"))?;
    let back: T = json.decode(&bytes).map_err(|error| format!("{what} cannot be read again: {error}"))?;
    same(what, &bytes, &json.encode(&back).map_err(|error| error.to_string())?)?;
    Ok(back)
}

/// The event as it comes back from JSON, through its own upcasting.
fn kept_event<E: Event>(event: &E) -> Result<E, String> {
    let json = AnyCodec::default();
    let schema = event.schema();
    let bytes = event.encode(&json).map_err(|error| format!("{} cannot be written: {error}", schema.name))?;
    let stored = Stored { name: schema.name, version: schema.version, payload: &bytes };
    let mut back = Vec::new();
    E::decode(stored, &json, &mut back).map_err(|error| format!("{} cannot be read again: {}", schema.name, causes(&error)))?;
    let [one] = <[E; 1]>::try_from(back).map_err(|back| format!("{} is read again as {} events", schema.name, back.len()))?;
    same(schema.name, &bytes, &one.encode(&json).map_err(|error| error.to_string())?)?;
    Ok(one)
}

/// Whether a durable aggregate's state would be stored as it is stored already.
fn is_stored<A: Aggregate>(as_state: &AsState<A>, state: &A, saved: &A::Event) -> Result<bool, String> {
    let (json, mut before) = (AnyCodec::default(), Vec::new());
    let written = (as_state.encode)(state, &json, &mut before).and_then(|()| saved.encode(&json));
    written.map(|after| after == before).map_err(|error| format!("the state cannot be written: {error}"))
}

fn same(what: &str, before: &[u8], after: &[u8]) -> Result<(), String> {
    let unordered = |bytes| serde_json::from_slice(bytes).map(unordered).ok();
    if before == after || unordered(before).is_some_and(|before| Some(before) == unordered(after)) {
        return Ok(());
    }
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    Err(format!("{what} is written as {before}, but read again as {after}"))
}

/// Maps and sets are written in no order of their own.
fn unordered(json: Value) -> Value {
    match json {
        Value::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(unordered).collect();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, unordered(value))).collect(),
        other => other,
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
