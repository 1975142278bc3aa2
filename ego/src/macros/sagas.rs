//! The macro of sagas.

/// Marks the impl block of a saga: a process over several aggregates. Events come in, commands go out, and what it remembers is recorded with
/// both.
///
/// ```standalone_crate
/// use ego::prelude::*;
/// use ego::saga::Status;
/// use serde::{Deserialize, Serialize};
/// use std::time::Duration;
///
/// # #[derive(Event, Serialize, Deserialize)]
/// # enum OrderEvent { Placed { item: String, price: u64 }, Shipped }
/// # #[derive(Command, Serialize, Deserialize)]
/// # struct Place { item: String, price: u64 }
/// # #[derive(Command, Serialize, Deserialize)]
/// # struct Ship {}
/// # #[derive(Aggregate, Default)]
/// # #[aggregate(name = "order", event = OrderEvent)]
/// # struct Order;
/// # #[ego::handlers]
/// # impl Order {
/// #     #[handle]
/// #     fn place(&self, cmd: Place) -> Result<OrderEvent, String> { Ok(OrderEvent::Placed { item: cmd.item, price: cmd.price }) }
/// #     #[handle]
/// #     fn ship(&self, _: Ship) -> Result<OrderEvent, String> { Ok(OrderEvent::Shipped) }
/// #     #[apply]
/// #     fn apply(&mut self, _: &OrderEvent) {}
/// # }
/// # #[derive(Event, Serialize, Deserialize)]
/// # enum StockEvent { Reserved, Released }
/// # #[derive(Command, Serialize, Deserialize)]
/// # struct Reserve {}
/// # #[derive(Command, Serialize, Deserialize)]
/// # struct Release {}
/// # #[derive(Aggregate, Default)]
/// # #[aggregate(name = "stock", event = StockEvent)]
/// # struct Stock;
/// # #[ego::handlers]
/// # impl Stock {
/// #     #[handle]
/// #     fn reserve(&self, _: Reserve) -> Result<StockEvent, String> { Ok(StockEvent::Reserved) }
/// #     #[handle]
/// #     fn release(&self, _: Release) -> Result<StockEvent, String> { Ok(StockEvent::Released) }
/// #     #[apply]
/// #     fn apply(&mut self, _: &StockEvent) {}
/// # }
/// #[derive(Default, Serialize, Deserialize)]
/// struct Fulfilment { item: String, reserved: bool }
///
/// #[ego::saga(name = "fulfilment")]
/// impl Fulfilment {
///     #[start(Order)]                                 // one instance for each order, by its id
///     fn placed(&mut self, event: &OrderEvent, cx: &mut SagaContext<Self>) {
///         let OrderEvent::Placed { item, .. } = event else { return };
///         self.item.clone_from(item);
///         cx.send::<Stock>(item, Reserve {});         // typed, as `engine.send`
///         cx.timeout(Duration::from_secs(3600), "late");
///     }
///
///     #[on(Stock)]                                    // what follows from the commands of this instance comes back to it
///     fn stock(&mut self, event: &StockEvent, cx: &mut SagaContext<Self>) {
///         if let StockEvent::Reserved = event {
///             self.reserved = true;
///             cx.send::<Order>(cx.id().to_owned(), Ship {});
///         }
///     }
///
///     #[on(Order)]
///     fn shipped(&mut self, event: &OrderEvent, cx: &mut SagaContext<Self>) {
///         if let OrderEvent::Shipped = event {
///             cx.complete();
///         }
///     }
///
///     #[rejected]                                     // a command was refused: by whom, which, and why
///     fn refused(&mut self, rejection: &Rejected, cx: &mut SagaContext<Self>) {
///         if self.reserved {
///             cx.compensate::<Stock>(&self.item, Release {});
///         }
///         cx.fail(&rejection.reason);
///     }
///
///     #[timeout]
///     fn late(&mut self, _: &str, cx: &mut SagaContext<Self>) {
///         cx.recall();                                // what nobody answered either took effect, or never will
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::builder().start().await?;
/// engine.send::<Order>("o-1", Place { item: "tea".into(), price: 7 }).await?;
/// let status = engine.saga::<Fulfilment>("o-1").settled().await?;
/// assert_eq!(status.status(), Status::Completed);
/// # engine.stop(Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
///
/// # What is promised
///
/// An instance is an aggregate of its own, of the kind `saga.` and the saga's name. Each input is one command to it, and one event: the input,
/// the state after it, the commands that are sent, the timeouts that begin. What a method does is recorded whole or not at all, and happens
/// only then. A crash anywhere repeats what was not finished under the same command ids, without a second effect (I11). An event, a refusal
/// or a timeout is missed by nobody; for an instance that is not started or has ended there is nothing to do, and nothing is recorded. Nor is
/// anything recorded when a method for an event changes nothing and does nothing: so an event that is no beginning starts no instance.
///
/// An instance is given one input at a time, events in the order of the log. Its commands are sent one after the other, each when the one
/// before was answered. One instance that hangs or fails holds up no other.
///
/// What is told to `#[rejected]` is certain: the command never takes effect. To that end the refusal is recorded in the aggregate's stream,
/// with the command's id and without an event.
///
/// What cannot go on is *parked*: a method that keeps failing, with the inputs that come behind; a command that gets no answer; a compensation
/// that is refused. It is seen in [`Engine::health`](crate::Engine::health), the log, the gauge `ego_sagas_parked` and its own status, and goes on after
/// [`retry`](crate::saga::SagaHandle::retry), or ends with [`abandon`](crate::saga::SagaHandle::abandon). How often something is tried before
/// is up to [`SagaOptions`](crate::saga::SagaOptions).
///
/// The state and the commands are recorded as they are: what is personal stays readable there until the instance's stream is erased.
///
/// # `#[ego::saga(…)]`
///
/// | option | default | means |
/// |---|---|---|
/// | `name = "…"` | always written | the registered name, which is stored: ASCII letters, digits, `.`, `_` and `-` |
/// | `version = 2` | 1 | the version of the state's shape |
/// | `upcast(1 => f)` | | a function from the state of version 1 to the next shape, for each older version |
/// | `crate = path` | `::ego` | where generated code finds ego |
///
/// The type is any that serde can write and read; its `Default` is an instance before it starts. The block is the only one of the type with this
/// mark, and not generic. Whatever else stands in it stays as it is.
///
/// # The methods
///
/// | mark | called for | whose it is |
/// |---|---|---|
/// | `#[start(Kind)]` | an event of this aggregate, when the instance is not started; at least one | the aggregate's id, or `key = f` |
/// | `#[on(Kind)]` | an event of this aggregate, when it is | the instance whose command led to it, also over others; or `key = f` |
/// | `#[rejected]` | a command that was refused; `&Rejected` | |
/// | `#[timeout]` | a timeout; its name, `&str` | |
///
/// All take `&mut self`, then the event, `&Rejected` or `&str`, then in any order `&mut SagaContext<Self>` and services by type; those of an event
/// `&Metadata` and `&Delivery`, too. They are `fn` or `async fn`, and return nothing or a `Result` of nothing. An `Err` or a panic undoes
/// what the method did; it is called again, and then the instance is parked. Without a `#[rejected]` or a `#[timeout]` method, what it would be
/// called for parks the instance. `#[cfg]` works on every method.
///
/// Such a method is an impl of [`Starts`](crate::model::Starts) or [`Continues`](crate::model::Continues), the block one of
/// [`Saga`](crate::model::Saga) and [`SagaSources`](crate::saga::SagaSources): all may be written by hand. Tests without an engine begin with
/// [`ego::test_saga`](crate::test_saga).
pub use ego_derive::saga;

/// Marks a method that starts an instance, only inside a block of [`saga`](macro@crate::saga).
pub use ego_derive::start;

/// Marks the method that hears of refused commands, only inside a block of [`saga`](macro@crate::saga).
pub use ego_derive::rejected;

/// Marks the method that hears of timeouts, only inside a block of [`saga`](macro@crate::saga).
pub use ego_derive::timeout;
