//! Lets an aggregate decide, and looks at what came out.

use ego::message::{CommandId, Metadata, StreamId};
use ego::model::{Aggregate, Context, HandledBy, HandlerResult, Services};
use std::sync::Arc;

/// What a handler of `A` may know, with one service.
pub(crate) fn context<A: Aggregate, S: ?Sized + Send + Sync + 'static>(service: Arc<S>) -> Context {
    let mut services = Services::new();
    services.insert(service);
    context_with::<A>(services)
}

/// What a handler of `A` may know.
pub(crate) fn context_with<A: Aggregate>(services: Services) -> Context {
    let stream = StreamId::new(A::KIND, "one").unwrap();
    let time = "2026-03-01T00:00:00Z".parse().unwrap();
    let metadata = Metadata::new(CommandId::new("test").unwrap(), "Test", time);
    Context::new(stream, None, Arc::new(metadata), Arc::new(services))
}

/// The events that the handler records, and its reply; or its refusal.
pub(crate) async fn record<A: Aggregate, C: HandledBy<A>>(
    command: C,
    state: &A,
    context: &Context,
) -> Result<(Vec<A::Event>, C::Reply), C::Error> {
    let mut events = Vec::new();
    let reply = command.decide(state, context).await.record(&mut events)?;
    Ok((events, reply))
}
