//! The macros, with what they accept. `ego-derive` writes the code; here are the words and the examples that run.

mod readers;
mod sagas;

pub use readers::{index, on, projection, reactor};
pub use sagas::{rejected, saga, start, timeout};

use crate::engine::CommandDescriptor;
use crate::model::Aggregate;

/// Derives [`Event`](crate::model::Event) for the enum that lists what can happen to an aggregate.
///
/// ```
/// use ego::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Event, Serialize, Deserialize)]
/// enum OrderEvent {
///     Placed { total: u64 },          // fields and no fields: serde of the enum writes the content
///     Cancelled,
///     Shipped(Shipped),               // one payload: serde of the payload does
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct Shipped { parcel: String }
///
/// assert_eq!(OrderEvent::SCHEMAS[0].name, "Placed");
/// ```
///
/// The store keeps the name, the version and the content of an event apart. An enum whose variants all carry payloads needs no serde
/// of its own; otherwise it keeps serde's default representation (`tag`, `untagged`, `skip` and the like are refused). Several fields
/// without names are refused: positions cannot evolve. An event owns its values, so the enum has no lifetimes.
///
/// A payload type that only one variant carries may be returned by handlers, converts into the enum, and may have an applier of its
/// own. In a generic enum, types that are stored must be so for all its parameters.
///
/// # `#[event(…)]` on a variant
///
/// | option | default | means |
/// |---|---|---|
/// | `name = "…"` | the variant's name | the stored name; set it before you rename the variant |
/// | `alias = "…"` | – | an older stored name that is still read; may stand several times |
/// | `version = 3` | 1 | the version of the shape that is written now |
/// | `upcast(1 => f, 2 => g)` | – | functions that bring older shapes to the newest, one for each version |
/// | `subject = field` | – | the field that names whose personal data the event holds; on the enum for all events that hold some |
///
/// No two names and aliases in an enum are equal. Each upcaster is the path of a function. It takes what the one before gives, the
/// oldest any type that is `Deserialize`, also `serde_json::Value`; it gives the next shape, or a `Result` of it with a reason that can
/// be shown. The last gives the enum, a payload, an `Option`, `Vec` or tuple of them (to drop or to split the event), or a `Result` of
/// that.
///
/// ```
/// # use ego::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Event, Debug, PartialEq, Serialize, Deserialize)]
/// enum AccountEvent {
///     #[event(name = "deposited", version = 3, upcast(1 => euros_to_cents, 2 => add_currency))]
///     Deposited { cents: u64, currency: String },
/// }
///
/// #[derive(Deserialize)]
/// struct DepositedV1 { euros: u64 }
/// #[derive(Deserialize)]
/// struct DepositedV2 { cents: u64 }
///
/// fn euros_to_cents(v1: DepositedV1) -> Result<DepositedV2, &'static str> {
///     Ok(DepositedV2 { cents: v1.euros.checked_mul(100).ok_or("too many euros")? })
/// }
/// fn add_currency(v2: DepositedV2) -> AccountEvent {
///     AccountEvent::Deposited { cents: v2.cents, currency: "EUR".into() }
/// }
///
/// # use ego::{codec::AnyCodec, model::Stored};
/// let stored = Stored { name: "deposited", version: 1, payload: br#"{"euros":7}"# };
/// let mut events = Vec::new();
/// AccountEvent::decode(stored, &AnyCodec::default(), &mut events)?;
/// assert_eq!(events, [AccountEvent::Deposited { cents: 700, currency: "EUR".into() }]);
/// # Ok::<(), ego::model::DecodeError>(())
/// ```
///
/// # `#[personal]` on a field
///
/// The field is sealed under its subject's key, and gives another value once the subject is forgotten, see [`privacy`](crate::privacy). It is
/// written as in [`Personal`](macro@crate::Personal), which the type of a payload derives itself.
///
/// ```
/// # use ego::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Event, Serialize, Deserialize)]
/// enum PatientEvent {
///     #[event(subject = patient)]
///     Admitted {
///         patient: String,
///         #[personal(redacted = "somebody")]
///         name: String,
///         ward: u8,
///     },
///     Discharged,
/// }
/// ```
///
/// # `#[ego(crate = path)]` on the type
///
/// Where generated code finds ego, for a crate that knows it under another name. [`Command`](crate::Command) and
/// [`Aggregate`](crate::Aggregate) take it too.
pub use ego_derive::Event;

/// Derives [`Personal`](crate::model::Personal) for a struct: the payload of an event, a state, a view, or a part of one.
///
/// ```
/// use ego::Personal;
/// # use serde::{Deserialize, Serialize};
///
/// #[derive(Personal, Serialize, Deserialize)]
/// #[personal(subject = member_id)]
/// struct Member {
///     member_id: String,                 // whose key seals the fields below
///     #[personal]
///     born: Option<u16>,                 // once the member is forgotten: `None`, the type's default
///     #[personal(redacted = "somebody")]
///     name: String,
///     points: u64,
/// }
///
/// #[derive(Personal, Serialize, Deserialize)]
/// struct Team { members: Vec<Member> }   // a type that holds one says so itself; lists, maps and options are looked into
/// ```
///
/// The subject's field is a text that is not empty, or a whole number; where it holds nothing, nothing personal may stand beside it. A
/// part without a `subject` takes that of the value around it. A `null` and the redacted value say nothing of anybody and are not
/// sealed. Fields are found by the names that serde writes, so `rename` is understood and `flatten`, `with` and the like are refused.
///
/// `#[personal(none)]` on the type says that nothing in it is personal. Projections of events with personal fields, and states that are
/// stored, have to say so or what is.
pub use ego_derive::Personal;

/// Derives [`Command`](crate::model::Command) for a struct or an enum.
///
/// ```
/// use ego::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Command, Serialize, Deserialize)]
/// struct Deposit { amount: u64 }
///
/// #[derive(Command, Serialize, Deserialize)]
/// #[command(name = "set-limit")]
/// enum SetLimit { Unlimited, To(u64) }
///
/// assert_eq!(Deposit::NAME, "Deposit");
/// assert_eq!(SetLimit::NAME, "set-limit");
/// ```
///
/// `name = "…"` is the name that it is sent by over HTTP or from a command line; without it, the type's. Two commands of one aggregate
/// have two names. A command owns its values. Of a generic command all instances have one name, so an aggregate handles one of them.
pub use ego_derive::Command;

/// Derives [`Aggregate`](crate::model::Aggregate) for a state, and registers it.
///
/// ```
/// use ego::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Event, Serialize, Deserialize)]
/// # enum AccountEvent { Deposited { amount: u64 } }
///
/// #[derive(Aggregate, Default)]
/// #[aggregate(name = "account", event = AccountEvent)]
/// struct Account { balance: u64 }
///
/// #[ego::handlers]
/// impl Account {
///     #[apply]
///     fn apply(&mut self, event: &AccountEvent) {
///         match event {
///             AccountEvent::Deposited { amount } => self.balance += amount,
///         }
///     }
/// }
/// assert_eq!(Account::KIND, "account");
/// ```
///
/// | option | means |
/// |---|---|
/// | `name = "…"` | the kind, which stands in the name of every stream: always written, so that it does not change with the type's name |
/// | `event = Type` | the enum of its events |
/// | `snapshot(…)` | when its state is kept, so that not all its events are folded each time: see below |
/// | `durable` | instead of events, its state is stored: the whole of it, in place of the one before |
/// | `version = 3` | the version of the state's shape, 1 unless written; snapshots of another version are not read |
/// | `upcast(1 => f, 2 => g)` | of a durable one: functions that bring older shapes to the newest, one for each version |
///
/// The state is a struct or an enum, owns its values, and is `Default`: that is the state before the first event. How events change it
/// says the one block of [`handlers`](crate::handlers) that holds its appliers.
///
/// # Durable aggregates
///
/// What has no history worth keeping keeps its last state. Handlers change a copy of it, so a refusal, a panic and a write that failed
/// leave no trace; there are no events and no appliers.
///
/// ```standalone_crate
/// use ego::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Command, Serialize, Deserialize)]
/// struct Add { item: String }
/// #[derive(Command, Serialize, Deserialize)]
/// struct Count;
///
/// #[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
/// #[aggregate(name = "cart", durable, version = 2, upcast(1 => with_a_limit))]
/// struct Cart { items: Vec<String>, limit: usize }
///
/// #[derive(Deserialize)]
/// struct CartV1 { items: Vec<String> }
///
/// fn with_a_limit(old: CartV1) -> Cart {
///     Cart { items: old.items, limit: 10 }
/// }
///
/// #[ego::handlers]
/// impl Cart {
///     #[handle]
///     fn add(&mut self, cmd: Add) -> Result<usize, String> {
///         self.items.push(cmd.item);
///         Ok(self.items.len())
///     }
///     /// One that only reads takes `&self`.
///     #[handle]
///     fn count(&self, _: Count) -> Result<usize, String> {
///         Ok(self.items.len())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder().start().await?;
/// let receipt = engine.send::<Cart>("c-1", Add { item: "tea".into() }).await?;
/// assert_eq!((receipt.reply, receipt.revision.map(u64::from)), (1, Some(1)));
/// assert_eq!(engine.load::<Cart>("c-1").await?.state.items, ["tea"]);
/// # Ok(())
/// # }
/// ```
///
/// Such a state is `Clone`, `Serialize` and `Deserialize`. Its revision counts its saves, and everything that rests on a revision works as
/// with events: what a sender expects, commands sent again, several engines on one store. A command that leaves the state as it is stored,
/// byte for byte, saves nothing. Readers follow the states with [`states`](crate::subscription::Subscribe::states) or a publisher of
/// [`states`](crate::publish::PublisherOptions::states); projections and reactors follow events only.
///
/// Upcasters are as those of events; the last gives the state, or a `Result` of it with a reason. A state of a newer version, or one that
/// cannot be read, is an error when the aggregate is loaded, and stays as it is.
///
/// # Generic aggregates
///
/// A generic aggregate has no list of its instances, so each is registered by [`register!`](crate::register!). Its bounds stand on the
/// type itself. Instances need kinds of their own, so there `name` may be a constant of a parameter, as in `name = C::WALLET`.
///
/// # `snapshot(…)`
///
/// Keeps the state, and the inline views beside it, in the background, now and then; such a state is `Serialize + Deserialize`. Deleting
/// snapshots changes nothing but how long it takes to load an aggregate.
///
/// ```
/// use ego::prelude::*;
/// use serde::{Deserialize, Serialize};
/// # #[derive(Event, Serialize, Deserialize)]
/// # enum AccountEvent { Deposited { amount: u64 } }
///
/// #[derive(Aggregate, Default, Serialize, Deserialize)]
/// #[aggregate(name = "account", event = AccountEvent, snapshot(every = 100, after = "10m"))]
/// struct Account { balance: u64 }
/// # #[ego::handlers]
/// # impl Account {
/// #     #[apply]
/// #     fn apply(&mut self, event: &AccountEvent) {
/// #         match event {
/// #             AccountEvent::Deposited { amount } => self.balance += amount,
/// #         }
/// #     }
/// # }
/// ```
///
/// | policy | a snapshot is taken |
/// |---|---|
/// | `every = 100` | after so many events |
/// | `after = "10m"` | when the first event that the last one has not seen is so old; `ms`, `s`, `m`, `h` or `d` |
/// | `replayed = 1000` | when the aggregate was loaded, and so many events had to be folded |
/// | `slower_than = "50ms"` | when it was loaded, and that took longer |
/// | `snapshot` alone | only by [`Engine::snapshot`](crate::Engine::snapshot) |
///
/// Several may stand side by side. A state whose definition changes – its fields, their types, serde's options on them – is folded anew: also
/// a field that was added with a default is not empty. A change that the definition does not show, in the type of a field or in an applier,
/// needs a new `version`.
pub use ego_derive::Aggregate;

/// Marks an impl block that holds an aggregate's handlers, appliers, or both, and whatever else.
///
/// ```
/// use ego::prelude::*;
/// use serde::{Deserialize, Serialize};
/// use std::convert::Infallible;
/// use std::sync::Arc;
///
/// #[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
/// enum TillEvent { Paid { amount: u64 } }
/// #[derive(Command, Serialize, Deserialize)]
/// struct Pay { net: u64 }
///
/// trait Taxes: Send + Sync {
///     fn on(&self, net: u64) -> u64;
/// }
///
/// #[derive(Aggregate, Default, Debug, PartialEq)]
/// #[aggregate(name = "till", event = TillEvent)]
/// struct Till { sum: u64 }
///
/// #[ego::handlers]
/// impl Till {
///     #[handle]
///     async fn pay(&self, cmd: Pay, taxes: &dyn Taxes) -> Result<Decision<TillEvent, u64>, Infallible> {
///         let amount = cmd.net + taxes.on(cmd.net);
///         Ok(emit(TillEvent::Paid { amount }).reply(self.sum + amount))
///     }
///     #[apply]
///     fn apply(&mut self, event: &TillEvent) {
///         match event {
///             TillEvent::Paid { amount } => self.sum += amount,
///         }
///     }
/// }
///
/// # struct Tenth;
/// # impl Taxes for Tenth { fn on(&self, net: u64) -> u64 { net / 10 } }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// ego::test::<Till>()
///     .service::<dyn Taxes>(Arc::new(Tenth))
///     .given([TillEvent::Paid { amount: 5 }])
///     .when(Pay { net: 20 }).await
///     .then_events([TillEvent::Paid { amount: 22 }])
///     .then_reply(27);
/// # });
/// ```
///
/// # `#[handle]`: decides what a command does
///
/// | part | accepted |
/// |---|---|
/// | receiver | `&self`: a handler decides and changes nothing; of a durable aggregate `&mut self`, too: it changes a copy |
/// | command | `C` or `&C`, first |
/// | more, in any order | `&Context`, known by the last part of its path; services by type, `&Service` or `&dyn Service` |
/// | body | `fn` or `async fn`, whose future is `Send` |
/// | `Ok` of a durable one | the reply, `()` for none |
/// | `Ok` | the event enum, a payload of it, `Vec`, `Option`, arrays and tuples of them, `()`, or `emit(..).reply(..)` |
/// | `Err` | any `Debug + Display + Send + Sync + 'static`: an enum per command or per aggregate, `Infallible`, `String` |
/// | return type | any type that can be named, aliases included |
///
/// A handler is an impl of [`Handles`](crate::model::Handles), which may be written by hand beside the block.
///
/// # `#[apply]`: changes the state
///
/// Either one `fn(&mut self, &Event)` with a match that names every event, or one `fn(&mut self, &Payload)` for each payload, when every
/// variant carries a payload of its own. An applier is neither async nor does it return anything: what happened cannot be refused.
///
/// # Several blocks
///
/// Any number of blocks may serve one aggregate; one of them holds all its appliers. `#[cfg]` works on handlers and appliers. A block is
/// one of a durable aggregate when a handler in it takes `&mut self`; one whose handlers only read says so: `#[ego::handlers(durable)]`.
///
/// # Options
///
/// `#[ego::handlers(crate = path)]`: where generated code finds ego. `#[ego::handlers(register(Wallet<Usd>, Wallet<Eur>))]`: the instances
/// that a block of a generic aggregate registers its commands for, unless it holds the appliers; then [`register!`](crate::register!)
/// does that.
pub use ego_derive::handlers;

/// Marks a command handler, only inside a block of [`handlers`](macro@crate::handlers).
pub use ego_derive::handle;

/// Marks an event applier, only inside a block of [`handlers`](macro@crate::handlers).
pub use ego_derive::apply;

/// Registers instances of a generic aggregate, with the commands of the block that holds its appliers; and aggregates that are written
/// by hand, see [`Registers`](crate::Registers).
///
/// An ordinary aggregate registers itself. Of a generic one only the program knows the instances:
///
/// ```
/// use ego::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Event, Serialize, Deserialize)]
/// enum WalletEvent { Filled { amount: u64 } }
///
/// trait Currency: Default + Send + Sync + 'static {
///     const WALLET: &'static str;
/// }
///
/// #[derive(Aggregate, Default)]
/// #[aggregate(name = C::WALLET, event = WalletEvent)]
/// struct Wallet<C: Currency> { amount: u64, currency: C }
///
/// #[ego::handlers]
/// impl<C: Currency> Wallet<C> {
///     #[apply]
///     fn apply(&mut self, event: &WalletEvent) {
///         match event {
///             WalletEvent::Filled { amount } => self.amount += amount,
///         }
///     }
/// }
///
/// #[derive(Default)]
/// struct Usd;
/// impl Currency for Usd {
///     const WALLET: &'static str = "wallet.usd";
/// }
///
/// ego::register!(Wallet<Usd>);
/// ```
#[macro_export]
macro_rules! register {
    ($($aggregate:ty),+ $(,)?) => {
        $(
            const _: () = {
                #[allow(unused_imports)]
                use $crate::__private::Silent as _;
                $crate::__private::inventory::submit! {
                    $crate::__private::AggregateDescriptor::of::<$aggregate>(
                        $crate::__private::Location::new(::core::file!(), ::core::line!())
                    )
                    .personal($crate::__private::Ask::<$aggregate>::shape)
                }
            };
            $crate::__private::inventory::submit! {
                $crate::__private::HandlersDescriptor::of::<$aggregate>(
                    <$aggregate as $crate::__private::Registers>::COMMANDS
                )
            }
        )+
    };
}

/// An aggregate that [`register!`](crate::register!) registers: a generic one, for which the `#[ego::handlers]` block with its appliers
/// implements it, or one that is written by hand:
///
/// ```standalone_crate
/// use ego::engine::{CommandDescriptor, Location};
/// use ego::prelude::*;
/// use ego::model::Handles;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Event, Serialize, Deserialize)]
/// # enum TallyEvent { Counted { by: u64 } }
/// # #[derive(Command, Serialize, Deserialize)]
/// # struct Count { by: u64 }
///
/// #[derive(Default)]
/// struct Tally { total: u64 }
///
/// impl Aggregate for Tally {
///     const KIND: &'static str = "tally";
///     type Event = TallyEvent;
///     fn apply(&mut self, event: &TallyEvent) {
///         match event {
///             TallyEvent::Counted { by } => self.total += by,
///         }
///     }
/// }
///
/// impl Handles<Count> for Tally {
///     type Output = Result<TallyEvent, String>;
///     async fn handle(&self, command: Count, _: &Context) -> Self::Output {
///         Ok(TallyEvent::Counted { by: command.by })
///     }
/// }
///
/// // Commands of `#[ego::handlers]` blocks register themselves and are not listed.
/// impl ego::Registers for Tally {
///     const COMMANDS: &'static [CommandDescriptor] =
///         &[CommandDescriptor::of::<Tally, Count>(Location::new(file!(), line!()), &[])];
/// }
/// ego::register!(Tally);
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::builder().start().await?;
/// engine.send::<Tally>("a", Count { by: 2 }).await?;
/// assert_eq!(engine.load::<Tally>("a").await?.state.total, 2);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be registered",
    label = "neither a generic aggregate with its appliers in an `#[ego::handlers]` block, nor `ego::Registers` by hand",
    note = "an aggregate with `#[derive(ego::Aggregate)]` that is not generic registers itself"
)]
pub trait Registers: Aggregate {
    /// The commands that are registered with it.
    const COMMANDS: &'static [CommandDescriptor] = &[];
}
