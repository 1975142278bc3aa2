//! Running a reactor.

use super::{Given, ReactorDescriptor, ReactorSource, ReactorSources};
use crate::consumer::{Begin, Consumer, ConsumerKind, Control, Course, Follower, Handler, Policy, Way, checkpoint_of};
use crate::engine::{Location, Shared};
use crate::layer::{EventCall, handle, is_around};
use crate::model::{Audience, DecodeError, Delivery, Failure, Stored};
use crate::store::{Filter, RecordedEvent};
use crate::subscription::{Follows, delivery};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Where a reactor begins, and what becomes of an event that it cannot handle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReactorOptions {
    begin: Begin,
    policy: Policy,
}

impl ReactorOptions {
    /// From the first event on; after five retries it stops visibly.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where it begins when it has no checkpoint. With one, it goes on behind that; an [ephemeral](Audience::Ephemeral) one always begins now.
    #[must_use]
    pub fn begin(mut self, begin: Begin) -> Self {
        self.begin = begin;
        self
    }

    /// What becomes of an event that it cannot handle. [`Then::DeadLetter`](crate::consumer::Then::DeadLetter) is refused when the engine starts:
    /// reactors keep no dead letters.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }
}

/// A reactor that an engine is to run.
pub(crate) struct Reacting {
    pub(crate) descriptor: ReactorDescriptor,
    pub(crate) policy: Policy,
    make: Make,
}

type Make = Box<dyn FnOnce(&Arc<Shared>, Option<&str>) -> Arc<dyn Consumer> + Send>;

impl Reacting {
    pub(crate) fn new<R: ReactorSources>(value: R, options: ReactorOptions, location: Location) -> Self {
        let make: Make = Box::new(move |shared, node| consumer(value, options, shared, node));
        Self { descriptor: ReactorDescriptor::of::<R>(location), policy: options.policy, make }
    }

    /// One that is linked in and was not given: its default value.
    pub(crate) fn linked(descriptor: ReactorDescriptor) -> Self {
        (descriptor.default)(descriptor.location)
    }

    pub(crate) fn consumer(self, shared: &Arc<Shared>, node: Option<&str>) -> Arc<dyn Consumer> {
        (self.make)(shared, node)
    }
}

fn consumer<R: ReactorSources>(
    reactor: R,
    options: ReactorOptions,
    shared: &Arc<Shared>,
    node: Option<&str>,
) -> Arc<dyn Consumer> {
    let name = checkpoint_of(ConsumerKind::Reactor, R::NAME);
    let checkpoint = match R::AUDIENCE {
        Audience::Group => Some(name),
        Audience::Observer => Some(format!("{name}@{}", node.unwrap_or_default())),
        Audience::Ephemeral => None,
    };
    let follows = Follows::Events(R::SOURCES.iter().fold(Filter::all(), |filter, source| filter.kind(source.kind)));
    let batch = shared.limits.page;
    Arc::new(Follower {
        way: Way {
            control: Control::new(ConsumerKind::Reactor, R::NAME, Arc::clone(&shared.clock)),
            course: Course { follows, begin: options.begin, checkpoint, policy: options.policy, batch },
            shared: Arc::clone(shared),
        },
        handler: Reaction { reactor, shared: Arc::clone(shared) },
    })
}

struct Reaction<R> {
    reactor: R,
    shared: Arc<Shared>,
}

impl<R: ReactorSources> Reaction<R> {
    async fn react(&self, given: &dyn Given<R>, delivery: &Delivery) -> Result<(), Failure> {
        let reaction = given.react(&self.reactor, delivery);
        let layers = &self.shared.event_layers;
        if !is_around(layers) {
            return reaction.await;
        }
        let (name, event) = given.event();
        let call = EventCall { consumer: ConsumerKind::Reactor, handler: R::NAME, key: None, name, event, delivery };
        handle(layers, call, reaction).await
    }
}

impl<R: ReactorSources> Handler for Reaction<R> {
    type Item = (Box<dyn Given<R>>, Delivery);
    const TOGETHER: bool = false;

    fn read(&self, shared: &Shared, event: &RecordedEvent, items: &mut Vec<Self::Item>) -> Result<(), DecodeError> {
        let of_kind = |source: &&ReactorSource<R>| source.kind == event.stream.kind();
        let Some(source) = R::SOURCES.iter().find(of_kind) else { return Ok(()) };
        let mut given = Vec::with_capacity(1);
        let stored = Stored { name: &event.name, version: event.version, payload: &event.payload };
        (source.read)(stored, shared.codecs.named(&event.codec)?, &mut given)?;
        let delivery = delivery(shared, event);
        items.extend((0..).zip(given).map(|(ordinal, given)| (given, delivery.clone().with_ordinal(ordinal))));
        Ok(())
    }

    fn handle<'h>(&'h self, items: &'h [Self::Item], attempt: u32) -> BoxFuture<'h, Result<(), Failure>> {
        Box::pin(async move {
            for (given, delivery) in items {
                if attempt == 1 {
                    self.react(&**given, delivery).await?;
                } else {
                    self.react(&**given, &delivery.clone().with_attempt(attempt)).await?;
                }
            }
            Ok(())
        })
    }
}
