//! Given, when, then: what an instance does, without an engine and a store.

use super::event::{Outstanding, Phase, SagaEvent};
use super::input::Input;
use super::instance::{Instance, SagaRefusal};
use super::source::{SagaSources, given};
use crate::codec::AnyCodec;
use crate::message::{CommandId, Metadata, MetadataDraft, Position, Revision, StreamId};
use crate::model::{Aggregate, Context, Delivery, Event, HandledBy, Rejected, Services, Stored};
use jiff::Timestamp;
use serde_json::Value;
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Begins a test of a saga: one instance, what it is given, and what it does then.
///
/// ```
/// use ego::prelude::*;
/// use serde::{Deserialize, Serialize};
/// # #[derive(Event, Serialize, Deserialize)]
/// # enum OrderEvent { Placed { item: String }, Packed }
/// # #[derive(Aggregate, Default)]
/// # #[aggregate(name = "order", event = OrderEvent)]
/// # struct Order;
/// # #[ego::handlers]
/// # impl Order { #[apply] fn apply(&mut self, _: &OrderEvent) {} }
/// # #[derive(Event, Serialize, Deserialize)]
/// # enum StockEvent { Reserved }
/// # #[derive(Command, Debug, PartialEq, Serialize, Deserialize)]
/// # struct Reserve { order: String }
/// # #[derive(Aggregate, Default)]
/// # #[aggregate(name = "stock", event = StockEvent)]
/// # struct Stock;
/// # #[ego::handlers]
/// # impl Stock {
/// #     #[handle] fn reserve(&self, _: Reserve) -> Result<StockEvent, String> { Ok(StockEvent::Reserved) }
/// #     #[apply] fn apply(&mut self, _: &StockEvent) {}
/// # }
/// # #[derive(Default, Serialize, Deserialize)]
/// # struct Delivering;
/// # #[ego::saga(name = "delivering")]
/// # impl Delivering {
/// #     #[start(Order)]
/// #     fn placed(&mut self, event: &OrderEvent, cx: &mut SagaContext<Self>) {
/// #         if let OrderEvent::Placed { item } = event {
/// #             let order = cx.id().to_owned();
/// #             cx.send::<Stock>(item, Reserve { order });
/// #         }
/// #     }
/// #     #[on(Stock)]
/// #     fn reserved(&mut self, _: &StockEvent, cx: &mut SagaContext<Self>) { cx.complete(); }
/// #     #[rejected]
/// #     fn refused(&mut self, rejection: &Rejected, cx: &mut SagaContext<Self>) { cx.fail(&rejection.reason); }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// ego::test_saga::<Delivering>()
///     .id("o-1")
///     .when::<Order>("o-1", OrderEvent::Placed { item: "tea".into() })
///     .await
///     .then_sends::<Stock>("tea", Reserve { order: "o-1".into() })
///     .then_nothing_else()
///     .and()
///     .when::<Stock>("tea", StockEvent::Reserved)
///     .await
///     .then_completed();
/// # }
/// ```
pub fn test<S: SagaSources>() -> Given<S> {
    Given {
        instance: Instance::default(),
        revision: None,
        inputs: 0,
        id: "under-test".to_owned(),
        time: Timestamp::UNIX_EPOCH,
        services: Services::new(),
        pending: Vec::new(),
    }
}

/// An instance before an input: what it was given so far, and what its methods may know.
#[must_use = "a test does something when an input comes"]
pub struct Given<S> {
    instance: Instance<S>,
    revision: Option<Revision>,
    inputs: u64,
    id: String,
    time: Timestamp,
    services: Services,
    /// What it is given before the next input.
    pending: Vec<Step<S>>,
}

/// Makes an input for the instance as it is; nothing when it is none for it.
type Step<S> = Box<dyn FnOnce(&Given<S>) -> Option<Input> + Send>;

impl<S: SagaSources> Given<S> {
    /// The instance has this id; `under-test` when left out.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// Methods find this service. Without it, one that asks for it panics.
    pub fn service<T: ?Sized + Send + Sync + 'static>(mut self, service: Arc<T>) -> Self {
        self.services.insert(service);
        self
    }

    /// The next inputs come at this time; 1970-01-01T00:00:00Z when left out.
    pub fn at(mut self, time: Timestamp) -> Self {
        self.time = time;
        self
    }

    /// It was given this event of that aggregate.
    pub fn given<A: Aggregate>(mut self, id: impl Into<String>, event: A::Event) -> Self {
        self.pending.push(happened::<S, A>(id.into(), event));
        self
    }

    /// It was told that this command was refused for this reason, as the error's `Debug` and text say.
    pub fn given_rejected<A: Aggregate>(
        mut self,
        id: impl Into<String>,
        command: impl HandledBy<A>,
        error: impl fmt::Debug + fmt::Display,
    ) -> Self {
        self.pending.push(refused::<S, A, _>(id.into(), &command, &error));
        self
    }

    /// It is given an event of an aggregate. One that its keys say is for another instance is none for it; without a key, it is taken for what
    /// followed from a command of this instance.
    ///
    /// # Panics
    /// With "the arrangement is broken" when an id is not allowed or the event does not come back from JSON; as all that follow, with the
    /// failure of the method.
    pub async fn when<A: Aggregate>(self, id: impl Into<String>, event: A::Event) -> Then<S> {
        self.go_on(happened::<S, A>(id.into(), event)).await
    }

    /// A command that it has sent and that nobody answered is refused with this error.
    ///
    /// # Panics
    /// As [`when`](Given::when), and when it has sent no such command.
    pub async fn when_rejected<A: Aggregate>(
        self,
        id: impl Into<String>,
        command: impl HandledBy<A>,
        error: impl fmt::Debug + fmt::Display,
    ) -> Then<S> {
        self.go_on(refused::<S, A, _>(id.into(), &command, &error)).await
    }

    /// A command that it has sent and that nobody answered was recalled in time.
    ///
    /// # Panics
    /// As [`when_rejected`](Given::when_rejected).
    pub async fn when_recalled<A: Aggregate>(self, id: impl Into<String>, command: impl HandledBy<A>) -> Then<S> {
        let (id, content) = (id.into(), written(&command));
        self.go_on(Box::new(move |this| Some(this.rejected(A::KIND, &id, &content, "the saga recalled it".to_owned(), None))))
            .await
    }

    /// A command that it has sent and that nobody answered took effect.
    ///
    /// # Panics
    /// As [`when_rejected`](Given::when_rejected).
    pub async fn when_taken<A: Aggregate>(mut self, id: impl Into<String>, command: impl HandledBy<A>) -> Then<S> {
        self.arrange().await;
        let number = self.outstanding(A::KIND, &id.into(), &written(&command)).number.clone();
        let answered = SagaEvent::Answered { number, refused: None, at: self.time };
        self.instance.apply(&answered);
        self.revision = Revision::after(self.revision, 1);
        self.then(Some(answered))
    }

    /// A timeout comes that it has begun.
    ///
    /// # Panics
    /// As [`when`](Given::when), and when it has begun no such timeout.
    pub async fn when_timeout(self, name: impl Into<String>) -> Then<S> {
        let name = name.into();
        self.go_on(Box::new(move |this| {
            let timeouts = this.instance.status().map(|status| &status.timeouts);
            let Some(timeout) = timeouts.into_iter().flatten().find(|timeout| timeout.name == name) else {
                panic!("the arrangement is broken: the timeout {name:?} has not begun");
            };
            Some(Input::TimedOut { number: timeout.number.clone(), name })
        }))
        .await
    }

    async fn go_on(mut self, last: Step<S>) -> Then<S> {
        self.arrange().await;
        let done = self.take(last).await;
        self.then(done)
    }

    async fn arrange(&mut self) {
        for step in std::mem::take(&mut self.pending) {
            self.take(step).await;
        }
    }

    fn then(self, done: Option<SagaEvent>) -> Then<S> {
        let phase = self.instance.status().map(|status| status.phase.clone());
        let (commands, timeouts) = match &done {
            Some(SagaEvent::Handled { commands, timeouts, .. }) => {
                (commands.clone(), timeouts.iter().map(|timeout| (timeout.name.clone(), timeout.due)).collect())
            }
            _ => (Vec::new(), Vec::new()),
        };
        let commands = commands.into_iter().rev().collect();
        Then { given: self, done, commands, timeouts, phase }
    }

    async fn take(&mut self, step: Step<S>) -> Option<SagaEvent> {
        self.inputs += 1;
        let input = step(self)?;
        let stream = arranged(StreamId::new(S::KIND, &*self.id));
        let metadata = Arc::new(self.metadata());
        let context = Context::new(stream, self.revision, metadata, Arc::new(self.services.clone()));
        match self.instance.take(input, &context).await {
            Ok(SagaEvent::Parked { reason, .. }) => panic!("the method failed: {reason}"),
            Err(SagaRefusal::Failed(failure)) => panic!("the method failed: {failure}"),
            Ok(event) => {
                self.instance.apply(&event);
                self.revision = Revision::after(self.revision, 1);
                Some(event)
            }
            Err(_) => None,
        }
    }

    /// Of what the input comes from; it follows from a command of this instance.
    fn metadata(&self) -> Metadata {
        let id = arranged(CommandId::new(format!("input-{}", self.inputs)));
        let draft = MetadataDraft::new().entry(S::KIND, &*self.id);
        arranged(draft.complete(id, "Input", self.time))
    }

    fn outstanding(&self, kind: &str, id: &str, sent: &(&'static str, Value)) -> &Outstanding {
        let (command, content) = sent;
        let outstanding = self.instance.status().into_iter().flat_map(|status| &status.outstanding);
        let is_it = |one: &&Outstanding| one.kind == kind && one.id == id && one.command == *command && one.content.0 == *content;
        let Some(one) = outstanding.clone().find(is_it) else {
            let sent: Vec<_> = outstanding.map(Outstanding::shown).collect();
            panic!(
                "the arrangement is broken: {command} to {kind}/{id} is not among what it has sent and nobody answered: {sent:?}"
            );
        };
        one
    }

    fn rejected(&self, kind: &str, id: &str, sent: &(&'static str, Value), reason: String, detail: Option<String>) -> Input {
        let Outstanding { number, kind, id, command, content, .. } = self.outstanding(kind, id, sent).clone();
        Input::Rejected(Rejected { kind, id, command, number, reason, detail, content })
    }
}

fn happened<S: SagaSources, A: Aggregate>(id: String, event: A::Event) -> Step<S> {
    Box::new(move |this| {
        let json = AnyCodec::default();
        let (schema, payload) = (event.schema(), arranged(event.encode(&json)));
        let stored = Stored { name: schema.name, version: schema.version, payload: &payload };
        let position = Position::after(None, this.inputs).unwrap_or(Position::FIRST);
        let (stream, services) = (arranged(StreamId::new(A::KIND, id)), Arc::new(this.services.clone()));
        let delivery = Delivery::new(stream, Revision::FIRST, position, Arc::new(this.metadata()), services);
        let mut given = arranged(given::<S>(stored, &json, &delivery));
        given.find(|(instance, _)| *instance == this.id).map(|(_, event)| Input::Event(event))
    })
}

fn refused<S: SagaSources, A: Aggregate, C: HandledBy<A>>(
    id: String,
    command: &C,
    error: &(impl fmt::Debug + fmt::Display),
) -> Step<S> {
    let (sent, reason, detail) = (written(command), error.to_string(), Some(format!("{error:?}")));
    Box::new(move |this| Some(this.rejected(A::KIND, &id, &sent, reason, detail)))
}

/// The command's name, and the command as it is recorded.
fn written<C: crate::model::Command>(command: &C) -> (&'static str, Value) {
    (C::NAME, arranged(serde_json::to_value(command)))
}

#[track_caller]
fn arranged<T, E: fmt::Display>(part: Result<T, E>) -> T {
    match part {
        Ok(part) => part,
        Err(reason) => panic!("the arrangement is broken: {reason}"),
    }
}

/// What an input led to. Each `then_…` panics with what was expected and what was found.
pub struct Then<S> {
    given: Given<S>,
    done: Option<SagaEvent>,
    /// Those that nobody has asked for, the first at the end.
    commands: Vec<Outstanding>,
    timeouts: Vec<(String, Timestamp)>,
    phase: Option<Phase>,
}

impl<S: SagaSources> Then<S> {
    /// It sends this command, next of all that it sends.
    ///
    /// # Panics
    /// When it sends another or nothing more.
    #[track_caller]
    pub fn then_sends<A: Aggregate>(self, id: impl AsRef<str>, command: impl HandledBy<A>) -> Self {
        self.sends(A::KIND, id.as_ref(), &written(&command), false)
    }

    /// It sends this command to take back an effect, next of all that it sends.
    ///
    /// # Panics
    /// When it sends another or nothing more.
    #[track_caller]
    pub fn then_compensates<A: Aggregate>(self, id: impl AsRef<str>, command: impl HandledBy<A>) -> Self {
        self.sends(A::KIND, id.as_ref(), &written(&command), true)
    }

    #[track_caller]
    fn sends(mut self, kind: &str, id: &str, sent: &(&'static str, Value), compensates: bool) -> Self {
        let word = if compensates { " as a compensation" } else { "" };
        let expected = format!("{} {} to {kind}/{id}{word}", sent.0, sent.1);
        let found = self.commands.pop();
        let found = found.as_ref().map_or_else(|| "nothing more".to_owned(), Outstanding::shown);
        assert!(found == expected, "expected that it sends\n  {expected}\nfound\n  {found}");
        self
    }

    /// It sends nothing more than what was asked for.
    ///
    /// # Panics
    /// When it does.
    #[track_caller]
    pub fn then_nothing_else(self) -> Self {
        let left: Vec<_> = self.commands.iter().rev().map(Outstanding::shown).collect();
        assert!(left.is_empty(), "expected that it sends nothing more, found {left:#?}");
        self
    }

    /// The input changed nothing: it is none for this instance, or its method did nothing.
    ///
    /// # Panics
    /// When something was recorded.
    #[track_caller]
    pub fn then_nothing(self) -> Self {
        assert!(self.done.is_none(), "expected that it does nothing, found\n  {:?}", self.done);
        self
    }

    /// It begins this timeout.
    ///
    /// # Panics
    /// When it does not, or another time is to pass.
    #[track_caller]
    pub fn then_timeout(self, name: &str, after: Duration) -> Self {
        let Some((_, due)) = self.timeouts.iter().find(|(found, _)| found == name) else {
            panic!("expected the timeout {name:?}, found {:?}", self.timeouts);
        };
        let found = due.duration_since(self.given.time);
        assert!(Duration::try_from(found).is_ok_and(|found| found == after), "expected {name:?} after {after:?}, found {found}");
        self
    }

    /// It has ended well.
    ///
    /// # Panics
    /// When it has not.
    #[track_caller]
    pub fn then_completed(self) -> Self {
        self.at_phase(&Phase::Completed)
    }

    /// It has failed for this reason.
    ///
    /// # Panics
    /// When it has not.
    #[track_caller]
    pub fn then_failed(self, reason: impl fmt::Display) -> Self {
        self.at_phase(&Phase::Failed { reason: reason.to_string() })
    }

    /// It takes its effects back for this reason; `compensated` when the saga gave none.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn then_compensating(self, reason: impl fmt::Display) -> Self {
        self.at_phase(&Phase::Compensating { reason: reason.to_string() })
    }

    /// It goes on.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn then_running(self) -> Self {
        self.at_phase(&Phase::Running)
    }

    #[track_caller]
    fn at_phase(self, expected: &Phase) -> Self {
        let found = self.phase.as_ref();
        assert!(found == Some(expected), "expected that it is {expected:?}, found {found:?}");
        self
    }

    /// It takes back what nobody has answered.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn then_recalls(self) -> Self {
        let recalls = matches!(&self.done, Some(SagaEvent::Handled { recalled, .. }) if !recalled.is_empty());
        assert!(recalls, "expected that it recalls what it sent, found\n  {:?}", self.done);
        self
    }

    /// It remembers this.
    ///
    /// # Panics
    /// When it remembers something else.
    #[track_caller]
    pub fn then_state(self, expected: impl Borrow<S>) -> Self
    where
        S: PartialEq + fmt::Debug,
    {
        let found = arranged(self.given.instance.state());
        assert!(found == *expected.borrow(), "expected the state\n  {:?}\nfound\n  {found:?}", expected.borrow());
        self
    }

    /// Goes on from here with another input.
    pub fn and(self) -> Given<S> {
        self.given
    }
}

impl Outstanding {
    /// For people.
    fn shown(&self) -> String {
        let word = if self.compensates { " as a compensation" } else { "" };
        format!("{} {} to {}/{}{word}", self.command, self.content.0, self.kind, self.id)
    }
}

impl<S> fmt::Debug for Given<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("instance", &self.instance).finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Then<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Then").field("done", &self.done).field("phase", &self.phase).finish_non_exhaustive()
    }
}
