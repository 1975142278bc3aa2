//! What a handler may know besides the state and the command, and what it may ask for besides its events.

use super::schedule::{ScheduleError, When};
use super::{Aggregate, Command, HandledBy, MissingService, Services};
use crate::codec::CodecError;
use crate::message::{Metadata, Revision, StreamId, TimerKey};
use jiff::Timestamp;
use parking_lot::Mutex;
use std::sync::Arc;

/// What a handler may know besides the state and the command: plain data, and the services that were given. What it asks for besides its
/// events – timers – is recorded in the same commit as they are, or not at all.
#[derive(Debug)]
pub struct Context {
    stream: StreamId,
    revision: Option<Revision>,
    metadata: Arc<Metadata>,
    services: Arc<Services>,
    /// Nothing, for most commands.
    effects: Mutex<Option<Box<Effects>>>,
}

impl Context {
    /// The context of one command.
    #[must_use]
    pub fn new(stream: StreamId, revision: Option<Revision>, metadata: Arc<Metadata>, services: Arc<Services>) -> Self {
        Self { stream, revision, metadata, services, effects: Mutex::new(None) }
    }

    /// The aggregate's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.stream.id()
    }

    /// The aggregate's stream: kind and id.
    #[must_use]
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// The last revision that the state has seen; `None` when nothing has happened yet.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        self.revision
    }

    /// The command's metadata, as it will stand with the events.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The time of the command, by the engine's clock. The only time that a handler should know.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.metadata.time
    }

    /// A service by its type.
    ///
    /// # Errors
    /// [`MissingService`] when it was not given to the engine or the test.
    pub fn service<S: ?Sized + Send + Sync + 'static>(&self) -> Result<&S, MissingService> {
        self.services.get()
    }

    pub(crate) fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// Has a command sent to this aggregate later: after a [`Duration`](std::time::Duration), at a [`Timestamp`], or at each tick of a
    /// [`Cron`](super::Cron). A timer of the same key is replaced. See [`timer`](crate::timer) for what is promised.
    ///
    /// ```
    /// use ego::prelude::*;
    /// use std::time::Duration;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Event, Debug, PartialEq, Serialize, Deserialize)]
    /// # pub enum CartEvent { Added { item: String }, Expired }
    /// # #[derive(Command, Serialize, Deserialize)]
    /// # pub struct Add { item: String }
    /// # #[derive(Command, Serialize, Deserialize)]
    /// # pub struct Expire {}
    /// # #[derive(Aggregate, Default)]
    /// # #[aggregate(name = "cart", event = CartEvent)]
    /// # pub struct Cart { items: Vec<String> }
    /// #[ego::handlers]
    /// impl Cart {
    ///     #[handle]
    ///     fn add(&self, command: Add, context: &Context) -> Result<CartEvent, String> {
    ///         // Each item gives the cart another hour.
    ///         context.schedule::<Cart>("expire", Duration::from_secs(3600), Expire {});
    ///         Ok(CartEvent::Added { item: command.item })
    ///     }
    ///     #[handle]
    ///     fn expire(&self, _: Expire) -> Result<CartEvent, String> {
    ///         Ok(CartEvent::Expired)
    ///     }
    /// #   #[apply]
    /// #   fn apply(&mut self, event: &CartEvent) {
    /// #       match event { CartEvent::Added { item } => self.items.push(item.clone()), CartEvent::Expired => self.items.clear() }
    /// #   }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// ego::test::<Cart>()
    ///     .when(Add { item: "tea".to_owned() })
    ///     .await
    ///     .then_scheduled("expire", Duration::from_secs(3600), Expire {});
    /// # }
    /// ```
    ///
    /// The key is a text of 1 to 255 bytes without control characters. What cannot be scheduled – another kind than the handler's own, a
    /// pattern that is none, a command that cannot be written – fails the command with
    /// [`CommandError::Unschedulable`](crate::engine::CommandError::Unschedulable). When the handler refuses or panics, or the commit is not
    /// recorded, nothing is scheduled.
    pub fn schedule<A: Aggregate>(&self, key: impl AsRef<str>, when: impl Into<When>, command: impl HandledBy<A>) {
        let when = when.into();
        let scheduled = self.scheduled::<A, _>(key.as_ref(), when, &command);
        self.add(key.as_ref(), scheduled);
    }

    /// Takes a timer of this aggregate back. Not an error when there is none.
    ///
    /// From this command on it has no effect any more, also when it is due already: its command finds itself cancelled when its turn comes.
    pub fn cancel(&self, key: impl AsRef<str>) {
        let cancelled = TimerKey::new(&key).map(|key| TimerChange { key, timer: None }).map_err(ScheduleError::from);
        self.add(key.as_ref(), cancelled);
    }

    fn scheduled<A: Aggregate, C: HandledBy<A>>(&self, key: &str, when: When, command: &C) -> Result<TimerChange, ScheduleError> {
        if A::KIND != self.stream.kind() {
            return Err(ScheduleError::OtherKind { own: self.stream.kind().to_owned().into(), given: A::KIND });
        }
        let key = TimerKey::new(key)?;
        let due = when.first(self.time())?;
        let name = <C as Command>::NAME;
        let encoded = serde_json::to_value(command);
        let content = encoded.map_err(|error| ScheduleError::Encode { command: name, source: CodecError::new(error) })?;
        Ok(TimerChange { key, timer: Some(Scheduled { due, when, command: name, content }) })
    }

    fn add(&self, key: &str, change: Result<TimerChange, ScheduleError>) {
        let mut effects = self.effects.lock();
        let effects = effects.get_or_insert_default();
        match change {
            Ok(change) => {
                effects.timers.retain(|earlier| earlier.key != change.key);
                effects.timers.push(change);
            }
            Err(error) => drop(effects.failed.get_or_insert_with(|| (key.to_owned(), error))),
        }
    }

    /// What the handler asked for besides its events; `None` for nothing.
    pub(crate) fn into_effects(self) -> Option<Box<Effects>> {
        self.effects.into_inner()
    }
}

/// What a handler asked for besides its events.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// At most one of each key, the last.
    pub(crate) timers: Vec<TimerChange>,
    /// What could not be scheduled, with its key: the first.
    pub(crate) failed: Option<(String, ScheduleError)>,
}

/// What becomes of the timer of one key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TimerChange {
    pub(crate) key: TimerKey,
    /// `None` takes it back.
    pub(crate) timer: Option<Scheduled>,
}

/// A command that comes later.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scheduled {
    pub(crate) due: Timestamp,
    pub(crate) when: When,
    pub(crate) command: &'static str,
    /// As JSON, so that it can be sent by name.
    pub(crate) content: serde_json::Value,
}
