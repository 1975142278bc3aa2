//! The future of a command: the straight way if that is free, otherwise the long one.

use super::cell::Cell;
use super::door::{Door, Pass};
use super::error::{CommandError, UnknownTarget};
use super::job::{CommandJob, Rest};
use super::layered::layered;
use super::order::{Order, Outcome};
use super::send::{Options, RevisionZero, Start};
use super::straight::{Way, straight};
use crate::layer::Denied;
use crate::message::{CommandId, Expected, Metadata, Name, Tenant, Text};
use crate::model::{Aggregate, HandledBy};
use crate::telemetry;
use futures_util::future::BoxFuture;
use std::any::TypeId;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{Instrument, Span};

/// A command on its way. Nothing happens before it is polled.
pub(super) struct Submit<A: Aggregate, C: HandledBy<A>> {
    door: Arc<Door>,
    id: Text,
    options: Options,
    /// Until it is sent.
    command: Option<C>,
    /// From then on, unless it was answered at once.
    under_way: Option<BoxFuture<'static, Outcome<A, C>>>,
}

/// Nothing in it is pinned.
impl<A: Aggregate, C: HandledBy<A>> Unpin for Submit<A, C> {}

impl<A: Aggregate, C: HandledBy<A>> Submit<A, C> {
    pub(super) fn new(door: Arc<Door>, id: &str, command: C) -> Self {
        Self { door, id: id.into(), options: Options::default(), command: Some(command), under_way: None }
    }

    pub(super) fn with(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    fn send(&mut self, command: C) -> UnderWay<A, C> {
        let options = std::mem::take(&mut self.options);
        if telemetry::is_watched() {
            Ok(self.watched(command, options))
        } else if options.past_layers || self.door.inner.layers.is_empty() {
            go::<A, C>(&self.door, &self.id, command, options)
        } else {
            Ok(layered::<A, C>(Arc::clone(&self.door), &self.id, command, options))
        }
    }

    /// Sends it within a span.
    #[cold]
    fn watched(&self, command: C, mut options: Options) -> BoxFuture<'static, Outcome<A, C>> {
        let (door, id) = (Arc::clone(&self.door), self.id.clone());
        options.name_it(&door);
        let command_id = options.command_id.as_ref().and_then(|id| id.as_ref().ok());
        let draft = options.metadata.as_deref();
        let span = command_id.map_or_else(Span::none, |command_id| telemetry::send(A::KIND, &id, C::NAME, command_id, draft));
        let around = span.clone();
        let sent = async move {
            let answered = if options.past_layers || door.inner.layers.is_empty() {
                match go::<A, C>(&door, &id, command, options) {
                    Ok(under_way) => under_way.await,
                    Err(answered) => answered,
                }
            } else {
                layered::<A, C>(door, &id, command, options).await
            };
            span.record("outcome", telemetry::outcome(&answered));
            answered
        };
        Box::pin(sent.instrument(around))
    }

    #[cold]
    fn count(&self, answered: &Outcome<A, C>) {
        if let Some(meters) = &self.door.inner.shared.meters {
            meters.answered(TypeId::of::<(A, C)>(), answered);
        }
    }
}

impl Options {
    /// Gives it an id now, if its sender did not.
    fn name_it(&mut self, door: &Door) {
        if self.command_id.is_none() {
            (self.command_id, self.new_id) = (Some(Ok(door.inner.shared.ids.next())), true);
        }
    }
}

/// A command that was sent; `Err` with an answer that was there at once.
pub(super) type UnderWay<A, C> = Result<BoxFuture<'static, Outcome<A, C>>, Outcome<A, C>>;

/// Takes the command to its aggregate.
#[inline]
pub(super) fn go<A: Aggregate, C: HandledBy<A>>(door: &Arc<Door>, id: &Text, command: C, options: Options) -> UnderWay<A, C> {
    let (cell, order) = take::<A, C>(door, id, options).map_err(Err)?;
    match straight(&cell, command, order) {
        Way::Answered(outcome) => Err(outcome),
        Way::Decided(waiting) => Ok(Box::pin(waiting.answer(async { Ok(()) }))),
        Way::Long(command, order) => {
            let (rest, waiting) = Rest::new(order, &cell.shared);
            let (door, id, job) = (Arc::clone(door), id.clone(), CommandJob::new(command, rest));
            Ok(Box::pin(waiting.answer(async move { queue(&door, &id, cell, job).await })))
        }
    }
}

impl<A: Aggregate, C: HandledBy<A>> Start<C::Reply, C::Error> for Submit<A, C> {
    fn begin(mut self: Box<Self>, options: Options) -> BoxFuture<'static, Outcome<A, C>> {
        self.options = options;
        Box::into_pin(self)
    }
}

impl<A: Aggregate, C: HandledBy<A>> Future for Submit<A, C> {
    type Output = Outcome<A, C>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<A, C>> {
        if self.command.is_some() {
            // A sender whose commands are all answered at once lets others have their turn now and then.
            std::task::ready!(pin!(tokio::task::coop::consume_budget()).poll(cx));
        }
        if let Some(command) = self.command.take() {
            match self.send(command) {
                Ok(under_way) => self.under_way = Some(under_way),
                Err(outcome) => {
                    if self.door.inner.shared.meters.is_some() {
                        self.count(&outcome);
                    }
                    return Poll::Ready(outcome);
                }
            }
        }
        let polled = match &mut self.under_way {
            Some(under_way) => under_way.as_mut().poll(cx),
            None => Poll::Pending,
        };
        if self.door.inner.shared.meters.is_some()
            && let Poll::Ready(outcome) = &polled
        {
            self.count(outcome);
        }
        polled
    }
}

/// A command that was taken: its aggregate, and what came with it.
type Taken<A, C> = Result<(Arc<Cell<A>>, Order), CommandError<<C as HandledBy<A>>::Error>>;

/// Checks everything that came with the command, and finds its aggregate.
fn take<A: Aggregate, C: HandledBy<A>>(door: &Arc<Door>, id: &str, options: Options) -> Taken<A, C> {
    let place = door.inner.place::<A>().ok_or(UnknownTarget::Aggregate { aggregate: std::any::type_name::<A>() })?;
    let shared = &door.inner.shared;
    let Options { command_id, new_id, past_layers: _, pass, expected, metadata, timeout, firing } = options;
    let pass = pass.or_else(|| Pass::enter(Arc::clone(door))).ok_or(CommandError::Stopped)?;
    let expected: Option<Expected> = expected.transpose().map_err(|RevisionZero| CommandError::RevisionZero)?;
    let own_id = command_id.is_some() && !new_id;
    let command_id: CommandId = command_id.unwrap_or_else(|| Ok(shared.ids.next()))?;
    let (name, time) = (Name::fixed(C::NAME), shared.clock.now());
    let mut metadata = match metadata {
        None => Metadata::new(command_id, name, time),
        Some(draft) => draft.complete(command_id, name, time)?,
    };
    if let Some(tenant) = &shared.tenant {
        stamp(&mut metadata, tenant)?;
    }
    let timeout = timeout.unwrap_or(shared.limits.timeout);
    let now = Instant::now();
    let deadline = now.checked_add(timeout).unwrap_or(now + FAR);
    let cell = place.cell(id, shared.uptime_at(now))?;
    let order = Order { metadata: Arc::new(metadata), own_id, expected, deadline, timeout, pass, firing, alarm: None };
    if now >= deadline { Err(order.timed_out(own_id)) } else { Ok((cell, order)) }
}

/// A command of an engine that works for one tenant is of that tenant.
fn stamp(metadata: &mut Metadata, tenant: &Tenant) -> Result<(), Denied> {
    match &metadata.tenant {
        Some(other) if other != tenant => {
            Err(Denied::unauthorised(format!("it is of the tenant {other}, not of {tenant}")).by("tenant"))
        }
        Some(_) => Ok(()),
        None => {
            metadata.tenant = Some(tenant.clone());
            Ok(())
        }
    }
}

/// What tokio calls "far": 30 years.
pub(super) const FAR: Duration = Duration::from_secs(86_400 * 365 * 30);

/// Waits for a place in the aggregate's queue (I12) and takes it. Runs the command at once when nobody else does.
async fn queue<A: Aggregate, C: HandledBy<A>>(
    door: &Door,
    id: &str,
    mut cell: Arc<Cell<A>>,
    job: Box<CommandJob<A, C>>,
) -> Result<(), CommandError<C::Error>> {
    let mut job: Box<dyn super::cell::Job<A>> = job;
    loop {
        // Given back when the command leaves the queue. A retired cell has none to give, and takes no command.
        if let Ok(slot) = cell.slots.acquire().await {
            slot.forget();
        }
        match cell.submit(job) {
            Ok(()) => return Ok(()),
            // The aggregate was sent away in between: it is found anew.
            Err(back) => job = back,
        }
        let place = door.inner.place::<A>().ok_or(UnknownTarget::Aggregate { aggregate: std::any::type_name::<A>() })?;
        cell = place.cell(id, door.inner.shared.uptime_at(Instant::now()))?;
    }
}
