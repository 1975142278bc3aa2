//! Running a publisher.

use super::{Envelope, Publisher, PublisherOptions};
use crate::consumer::{Consumer, ConsumerKind, Control, Course, Follower, Handler, Policy, Way, checkpoint_of};
use crate::engine::Shared;
use crate::model::{DecodeError, Failure};
use crate::store::{Filter, RecordedEvent};
use crate::subscription::{DeliveredJson, Follows, delivery, read_json};
use crate::telemetry;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tracing::Instrument;

/// A publisher that was given to an engine.
pub(crate) struct Publishing {
    pub(crate) name: String,
    publisher: Box<dyn Publisher>,
    options: PublisherOptions,
}

impl Publishing {
    pub(crate) fn new(publisher: impl Publisher, options: PublisherOptions) -> Self {
        Self { name: publisher.name().to_owned(), publisher: Box::new(publisher), options }
    }

    pub(crate) fn filter(&self) -> &Filter {
        &self.options.filter
    }

    /// Whether it is given states instead of events.
    pub(crate) fn states(&self) -> bool {
        self.options.states
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.options.policy
    }

    pub(crate) fn consumer(self, shared: &Arc<Shared>) -> Arc<dyn Consumer> {
        let Self { name, publisher, options: PublisherOptions { states, filter, begin, policy, batch } } = self;
        let follows = if states { Follows::States(filter) } else { Follows::Events(filter) };
        let checkpoint = Some(checkpoint_of(ConsumerKind::Publisher, &name));
        Arc::new(Follower {
            way: Way {
                control: Control::new(ConsumerKind::Publisher, name, Arc::clone(&shared.clock)),
                course: Course { follows, begin, checkpoint, policy, batch },
                shared: Arc::clone(shared),
            },
            handler: Publishes(publisher),
        })
    }
}

struct Publishes(Box<dyn Publisher>);

impl Handler for Publishes {
    type Item = Envelope;
    const TOGETHER: bool = true;

    fn read(&self, shared: &Shared, event: &RecordedEvent, items: &mut Vec<Envelope>) -> Result<(), DecodeError> {
        let Some(to_json) = shared.to_json.get(event.stream.kind()) else {
            // A retired kind: nobody reads it.
            return Ok(());
        };
        let events = read_json(shared, *to_json, event)?;
        let delivery = delivery(shared, event);
        items.extend((0..).zip(events).map(|(ordinal, (name, event))| {
            let delivery = delivery.clone().with_ordinal(ordinal);
            Envelope::new(DeliveredJson { name, event, delivery }, &shared.source)
        }));
        Ok(())
    }

    fn handle<'h>(&'h self, items: &'h [Envelope], attempt: u32) -> BoxFuture<'h, Result<(), Failure>> {
        let publish = async { self.0.publish(items).await.map_err(Failure::new) };
        let ends = items.first().zip(items.last()).filter(|_| telemetry::is_watched());
        let Some((first, last)) = ends else { return Box::pin(publish) };
        let (first, last) = (first.delivery.position(), last.delivery.position());
        let span = telemetry::publishing(self.0.name(), items.len(), first, last, attempt);
        Box::pin(async move {
            let published = publish.instrument(span.clone()).await;
            span.record("outcome", if published.is_ok() { "done" } else { "failed" });
            published
        })
    }
}

/// Whether this may stand as the source of a CloudEvent: a URI reference, and not an empty one.
pub(crate) fn is_source(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}
