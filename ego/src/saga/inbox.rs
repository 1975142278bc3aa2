//! Giving events to the instances that they are for: each once, in the order of the log.
//!
//! I6, I11: an event becomes a command to the instance under an id that is made of the event's place. Done again after a crash, it finds
//! itself done. An event that changed nothing left no trace; the instance does not take one that is behind what it has been given.

use super::input::{Happened, Input};
use super::options::SagaOptions;
use super::source::{SagaSources, given};
use super::teller::{Address, Teller};
use crate::consumer::{Consumer, ConsumerKind, Control, Course, Lanes, Undone, Way, Work, checkpoint_of};
use crate::engine::Shared;
use crate::layer::{EventCall, handle, is_around};
use crate::message::MetadataDraft;
use crate::model::{DecodeError, Delivery, Failure, Stored};
use crate::store::{Filter, RecordedEvent};
use crate::subscription::{Follows, delivery};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) struct Inbox<S>(Teller<S>);

impl<S: SagaSources> Inbox<S> {
    pub(super) fn consumer(options: SagaOptions, shared: &Arc<Shared>) -> Arc<dyn Consumer> {
        let filter = S::SOURCES.iter().fold(Filter::all(), |filter, source| filter.kind(source.kind));
        let checkpoint = Some(checkpoint_of(ConsumerKind::Saga, S::NAME));
        let SagaOptions { begin, policy, workers, .. } = options;
        let control = Control::new(ConsumerKind::Saga, S::NAME, Arc::clone(&shared.clock));
        let course = Course { follows: Follows::Events(filter), begin, checkpoint, policy, batch: shared.limits.page };
        Arc::new(Lanes {
            work: Self(Teller::new(shared, &control, policy)),
            way: Way { shared: Arc::clone(shared), control, course },
            workers,
        })
    }
}

pub(super) struct Given {
    instance: String,
    event: Happened,
    delivery: Delivery,
}

impl<S: SagaSources> Work for Inbox<S> {
    type Job = Given;

    fn read(&self, shared: &Shared, event: &RecordedEvent, jobs: &mut Vec<(String, Given)>) -> Result<(), DecodeError> {
        let stored = Stored { name: &event.name, version: event.version, payload: &event.payload };
        let (codec, delivery) = (shared.codecs.named(&event.codec)?, delivery(shared, event));
        jobs.extend(given::<S>(stored, codec, &delivery)?.map(|(instance, event)| {
            let delivery = delivery.clone().with_ordinal(event.token.ordinal());
            (instance.clone(), Given { instance, event, delivery })
        }));
        Ok(())
    }

    fn work(&self, job: Given) -> BoxFuture<'_, Result<(), Undone>> {
        let Given { instance, event, delivery } = job;
        let shared = &self.0.shared;
        let seen = is_around(&shared.event_layers).then(|| (event.name.clone(), event.content.0.clone(), instance.clone()));
        let to = Address {
            instance,
            command_id: format!("event/{}", event.token),
            metadata: MetadataDraft::following(&event.metadata),
            position: event.token.position(),
        };
        Box::pin(async move {
            let give = async { self.0.give(&to, Input::Event(event)).await };
            let Some((name, content, key)) = seen else { return give.await };
            let stopped = AtomicBool::new(false);
            let give = give.map(|given| {
                given.map_err(|undone| match undone {
                    Undone::Failed(failure) => failure,
                    Undone::Stopped => {
                        stopped.store(true, Ordering::Relaxed);
                        Failure::new("the engine stops")
                    }
                })
            });
            let (handler, key, name) = (S::NAME, Some(&*key), &*name);
            let call = EventCall { consumer: ConsumerKind::Saga, handler, key, name, event: &content, delivery: &delivery };
            let handled = handle(&shared.event_layers, call, give.boxed()).await;
            match handled {
                _ if stopped.load(Ordering::Relaxed) => Err(Undone::Stopped),
                handled => handled.map_err(Undone::Failed),
            }
        })
    }
}
