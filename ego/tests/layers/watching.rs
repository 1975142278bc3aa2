//! Layers that tests look through.

use ego::layer::{Answered, CommandCall, CommandLayer, EventCall, EventLayer, Next, NextEvent};
use ego::model::Failure;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use std::sync::Arc;

/// What was seen, in order.
pub type Lines = Arc<Mutex<Vec<String>>>;

/// Says when a command comes in and goes out.
pub struct Watch(pub &'static str, pub Lines);

#[async_trait::async_trait]
impl CommandLayer for Watch {
    fn name(&self) -> &'static str {
        self.0
    }
    async fn call(&self, command: &mut CommandCall, next: Next<'_>) -> Answered {
        self.1.lock().push(format!("{} in", self.0));
        let answered = next.run(command).await;
        self.1.lock().push(format!("{} out", self.0));
        answered
    }
}

#[async_trait::async_trait]
impl EventLayer for Watch {
    async fn call(&self, event: EventCall<'_>, next: NextEvent<'_>) -> Result<(), Failure> {
        let (key, attempt) = (event.key().unwrap_or("-"), event.delivery().attempt());
        self.1.lock().push(format!("{} {} {key} {} {attempt}", self.0, event.handler(), event.name()));
        let handled = next.run(event).await;
        self.1.lock().push(format!("{} out", self.0));
        handled
    }
}

/// A layer made of a function.
pub struct Do<F>(pub F);

#[async_trait::async_trait]
impl<F> CommandLayer for Do<F>
where
    F: for<'c> Fn(&'c mut CommandCall, Next<'c>) -> BoxFuture<'c, Answered> + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        "do"
    }
    async fn call(&self, command: &mut CommandCall, next: Next<'_>) -> Answered {
        (self.0)(command, next).await
    }
}

/// The same for events.
pub struct DoEvent<F>(pub F);

#[async_trait::async_trait]
impl<F> EventLayer for DoEvent<F>
where
    F: for<'c> Fn(EventCall<'c>, NextEvent<'c>) -> BoxFuture<'c, Result<(), Failure>> + Send + Sync + 'static,
{
    async fn call(&self, event: EventCall<'_>, next: NextEvent<'_>) -> Result<(), Failure> {
        (self.0)(event, next).await
    }
}

/// Says that a function is what [`Do`] is made of, for every lifetime.
pub fn does<F>(call: F) -> Do<F>
where
    F: for<'c> Fn(&'c mut CommandCall, Next<'c>) -> BoxFuture<'c, Answered> + Send + Sync + 'static,
{
    Do(call)
}

/// The same for events.
pub fn does_to_events<F>(call: F) -> DoEvent<F>
where
    F: for<'c> Fn(EventCall<'c>, NextEvent<'c>) -> BoxFuture<'c, Result<(), Failure>> + Send + Sync + 'static,
{
    DoEvent(call)
}
