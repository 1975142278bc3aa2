//! Commands, and who handles them.

use super::{Aggregate, Context, HandlerResult, Rejection, Reply, Storable};
use std::future::Future;

/// A request to one aggregate. Derive it.
///
/// It must come back from its serialization as it went in: by name it arrives as JSON, and a command that lost a race decides again on
/// its serialized copy, because the handler has consumed it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a command",
    label = "not a command",
    note = "add `#[derive(ego::Command)]` to it"
)]
pub trait Command: Storable + Send + Sync + 'static {
    /// The registered name: the type's, or `name = …` (I10). Unique among the commands of one aggregate.
    const NAME: &'static str;
}

/// How an aggregate answers a command: what `#[handle]` implements, and what may be written by hand.
///
/// `handle` decides and changes nothing (I4): the state changes when the events that it returns are applied.
#[diagnostic::on_unimplemented(
    message = "aggregate `{Self}` does not handle the command `{C}`",
    label = "`{Self}` has no `#[handle]` method for `{C}`",
    note = "add `#[handle] fn …(&self, cmd: {C}) -> Result<…, …>` to an `#[ego::handlers] impl {Self}` block, or send `{C}` to the aggregate that handles it"
)]
pub trait Handles<C>: Aggregate {
    /// What the handler returns: `Result<D, E>`, see [`HandlerResult`].
    type Output: HandlerResult<Self::Event>;

    /// Whether the future of [`handle`](Handles::handle) may have to wait for something. Where it says `false`, the command can be
    /// decided on the sender's own stack; a future that is not ready at once all the same is taken for a panic.
    const WAITS: bool = true;

    /// Decides.
    fn handle(&self, command: C, context: &Context) -> impl Future<Output = Self::Output> + Send;
}

/// The other side of [`Handles`]: `C: HandledBy<A>` exactly when `A: Handles<C>`. Never implemented by hand.
///
/// `send` asks for this one, because rustc guesses the argument of a trait when only one fits, but never its `Self`: so the message
/// names the command in every case.
pub trait HandledBy<A: Aggregate>: Command {
    /// What the handler replies.
    type Reply: Reply;
    /// Why the handler refuses.
    type Error: Rejection;
    /// What the handler returns.
    type Output: HandlerResult<A::Event, Reply = Self::Reply, Error = Self::Error>;
    /// Whether the handler may have to wait for something.
    const WAITS: bool;

    /// Lets the aggregate decide.
    fn decide(self, state: &A, context: &Context) -> impl Future<Output = Self::Output> + Send;
}

impl<A: Handles<C>, C: Command> HandledBy<A> for C {
    type Reply = <A::Output as HandlerResult<A::Event>>::Reply;
    type Error = <A::Output as HandlerResult<A::Event>>::Error;
    type Output = A::Output;
    const WAITS: bool = A::WAITS;

    fn decide(self, state: &A, context: &Context) -> impl Future<Output = A::Output> + Send {
        state.handle(self, context)
    }
}
