//! The macros of what reads events: projections and reactors.

/// Marks the impl block of a view: what is folded from the events of one or more kinds, one value for each key.
///
/// ```standalone_crate
/// use ego::model::{Delivery, Fold, On, Projection};
/// use ego::prelude::*;
/// use serde::{Deserialize, Serialize};
/// # use ego::message::{CommandId, Metadata, Position, Revision, StreamId};
///
/// # #[derive(Event, Serialize, Deserialize)]
/// # enum AccountEvent { Opened { owner: String }, Deposited { amount: u64 }, Closed }
/// # #[derive(Aggregate, Default)]
/// # #[aggregate(name = "macros.account", event = AccountEvent)]
/// # struct Account;
/// # #[ego::handlers]
/// # impl Account {
/// #     #[apply]
/// #     fn apply(&mut self, _: &AccountEvent) {}
/// # }
/// # #[derive(Event, Serialize, Deserialize)]
/// # enum CardEvent { Issued { account: String } }
/// # #[derive(Aggregate, Default)]
/// # #[aggregate(name = "macros.card", event = CardEvent)]
/// # struct Card;
/// # #[ego::handlers]
/// # impl Card {
/// #     #[apply]
/// #     fn apply(&mut self, _: &CardEvent) {}
/// # }
/// #[derive(Default, Serialize, Deserialize)]
/// struct Balance { owner: String, amount: u64, cards: u32 }
///
/// #[ego::projection(name = "balances")]
/// impl Balance {
///     #[on(Account)]                                  // keyed by the account's id
///     fn account(&mut self, event: &AccountEvent) -> Fold {
///         match event {
///             AccountEvent::Opened { owner } => self.owner.clone_from(owner),
///             AccountEvent::Deposited { amount } => self.amount += amount,
///             AccountEvent::Closed => return Fold::Remove,
///         }
///         Fold::Keep
///     }
///
///     #[on(Card, key = account_of)]                   // keyed by what the event says
///     fn card(&mut self, _: &CardEvent) {
///         self.cards += 1;
///     }
///
///     #[index]                                        // found by the owner, too
///     fn owner(&self) -> &str {
///         &self.owner
///     }
/// }
///
/// fn account_of(event: &CardEvent) -> &str {
///     let CardEvent::Issued { account } = event;
///     account
/// }
///
/// assert_eq!((Balance::NAME, Balance::INDEXES), ("balances", &["owner"] as &[_]));
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let time = "2026-03-01T00:00:00Z".parse().unwrap();
/// # let metadata = Metadata::new(CommandId::new("1").unwrap(), "Deposit", time).into();
/// # let stream = StreamId::new("macros.account", "acc-1").unwrap();
/// # let delivery = Delivery::new(stream, Revision::FIRST, Position::new(1).unwrap(), metadata, Default::default());
/// let mut balance = Balance::default();
/// On::<Account>::on(&mut balance, &AccountEvent::Deposited { amount: 5 }, &delivery).await.unwrap();
/// assert_eq!(balance.amount, 5);
/// assert_eq!(<Balance as On<Card>>::keys(&CardEvent::Issued { account: "acc-7".into() }, &delivery)[0], "acc-7");
/// # });
/// ```
///
/// The view is any type that serde can write and read; its `Default` is the view before the first event. The block is the only one of
/// the view with this mark, and not generic. Whatever else stands in it stays as it is.
///
/// # `#[ego::projection(…)]`
///
/// | option | default | means |
/// |---|---|---|
/// | `name = "…"` | always written | the registered name, which is stored: ASCII letters, digits, `.`, `_` and `-` |
/// | `version = 2` | 1 | the version of the view's shape; views of another version are not read but rebuilt |
/// | `mode = inline` | `async` | when it is folded, see [`Mode`](crate::model::Mode): `inline`, `async` or `live` |
/// | `crate = path` | `::ego` | where generated code finds ego |
///
/// An `inline` view is folded with the commit: it follows one kind, has no `key` and no `async` method. A `live` one is kept nowhere: it
/// has neither a `key` nor an `#[index]`.
///
/// # `#[on(Kind)]`: folds the events of an aggregate
///
/// | part | accepted |
/// |---|---|
/// | `Kind` | the aggregate's type; one method for each |
/// | `key = f` | what the view is keyed by instead of the aggregate's id: a function or a closure of `&Event`, or of `&Event` and `&Delivery`; it gives a text, or an `Option`, `Vec` or array of them, for none or several views |
/// | receiver | `&mut self`: the view of that key |
/// | event | `&Event`, first: the aggregate's whole event enum |
/// | more, in any order | `&Metadata` and `&Delivery`, known by the last part of their paths; services by type, `&Service` or `&dyn Service` |
/// | body | `fn` or `async fn`, whose future is `Send` |
/// | return type | nothing, [`Fold`](crate::model::Fold), or a `Result` of one of them, whose error is `Debug + Display + Send + Sync + 'static` |
///
/// Such a method is an impl of [`On`](crate::model::On), the block one of [`Projection`](crate::model::Projection) and
/// [`Sources`](crate::projection::Sources): all may be written by hand. `#[cfg]` works on every method.
///
/// # `#[index]`: what a view is found by
///
/// `fn owner(&self) -> &str`, named as the index. It returns a text, a whole number, `bool`, a `Timestamp` or a pair of them, by which
/// the index is sorted; or an `Option`, `Vec` or array of them, for a view that stands there never or several times.
pub use ego_derive::projection;

/// Marks the impl block of a reactor, which is given events and keeps no view.
///
/// ```standalone_crate
/// use ego::model::{Audience, Delivery, Reactor, Reacts};
/// use ego::prelude::*;
/// # use ego::message::{CommandId, Metadata, Position, Revision, StreamId};
/// # use serde::{Deserialize, Serialize};
/// # use std::sync::{Arc, Mutex};
///
/// # #[derive(Event, Serialize, Deserialize)]
/// # enum AccountEvent { Opened { owner: String } }
/// # #[derive(Aggregate, Default)]
/// # #[aggregate(name = "macros.greeted", event = AccountEvent)]
/// # struct Account;
/// # #[ego::handlers]
/// # impl Account {
/// #     #[apply]
/// #     fn apply(&mut self, _: &AccountEvent) {}
/// # }
/// trait Mail: Send + Sync {
///     fn send(&self, to: &str, token: String) -> Result<(), String>;
/// }
///
/// #[derive(Default)]
/// struct Greeter;
///
/// #[ego::reactor(name = "greeter")]
/// impl Greeter {
///     #[on(Account)]
///     async fn opened(&self, event: &AccountEvent, delivery: &Delivery, mail: &dyn Mail) -> Result<(), String> {
///         let AccountEvent::Opened { owner } = event;
///         mail.send(owner, delivery.token().to_string())
///     }
/// }
///
/// assert_eq!((Greeter::NAME, Greeter::AUDIENCE), ("greeter", Audience::Group));
/// # struct Sent(Mutex<Vec<(String, String)>>);
/// # impl Mail for Sent {
/// #     fn send(&self, to: &str, token: String) -> Result<(), String> {
/// #         self.0.lock().unwrap().push((to.to_owned(), token));
/// #         Ok(())
/// #     }
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let sent = Arc::new(Sent(Mutex::default()));
/// # let mut services = ego::model::Services::new();
/// # services.insert::<dyn Mail>(sent.clone());
/// # let time = "2026-03-01T00:00:00Z".parse().unwrap();
/// # let metadata = Metadata::new(CommandId::new("1").unwrap(), "Open", time).into();
/// # let stream = StreamId::new("macros.greeted", "acc-1").unwrap();
/// # let delivery = Delivery::new(stream, Revision::FIRST, Position::new(17).unwrap(), metadata, services.into());
/// Reacts::<Account>::react(&Greeter, &AccountEvent::Opened { owner: "Ann".into() }, &delivery).await.unwrap();
/// # assert_eq!(*sent.0.lock().unwrap(), [("Ann".to_owned(), "17.0".to_owned())]);
/// # });
/// ```
///
/// | option | default | means |
/// |---|---|---|
/// | `name = "…"` | always written | the registered name, which is stored: ASCII letters, digits, `.`, `_` and `-` |
/// | `audience = observer` | `group` | who of several nodes is given an event, see [`Audience`](crate::model::Audience): `group`, `observer` or `ephemeral` |
/// | `crate = path` | `::ego` | where generated code finds ego |
///
/// The type is `Default`. Its `#[on(Kind)]` methods are those of a [`projection`](macro@crate::projection), but for these: they take
/// `&self`, have no `key`, and return nothing or a `Result` of nothing. Each is an impl of [`Reacts`](crate::model::Reacts), the block one
/// of [`Reactor`](crate::model::Reactor) and [`ReactorSources`](crate::reactor::ReactorSources).
pub use ego_derive::reactor;

/// Marks a method that is given the events of an aggregate, only inside a block of [`projection`](macro@crate::projection),
/// [`reactor`](macro@crate::reactor) or [`saga`](macro@crate::saga).
pub use ego_derive::on;

/// Marks a method that gives what a view is found by, only inside a block of [`projection`](macro@crate::projection).
pub use ego_derive::index;
