//! Nothing is in scope but what is named.
#![no_implicit_prelude]

use ::core::convert::Infallible;
use ::core::fmt;
use ::ego::model::{Context, Decision, emit};

/// What can happen to an account: all three shapes of a variant, and all options.
#[derive(::ego::Event, ::core::fmt::Debug, ::serde::Serialize, ::serde::Deserialize)]
pub enum AccountEvent {
    /// With fields.
    Opened {
        /// Whose it is.
        owner: ::std::string::String,
    },
    /// With a payload that has changed its shape twice.
    #[event(name = "deposited", alias = "Credited", alias = "Paid", version = 3, upcast(1 => in_cents, 2 => with_purpose))]
    Deposited(Deposited),
    /// With nothing.
    Closed,
}

/// Money came in.
#[derive(::core::fmt::Debug, ::serde::Serialize, ::serde::Deserialize)]
pub struct Deposited {
    /// How much.
    pub cents: u64,
    /// What for.
    pub purpose: ::std::string::String,
}

/// How it was stored at first.
#[derive(::serde::Deserialize)]
struct Euros {
    euros: u64,
}

fn in_cents(Euros { euros }: Euros) -> ::core::result::Result<u64, ::std::string::String> {
    euros.checked_mul(100).ok_or_else(|| ::std::string::ToString::to_string("too much"))
}

fn with_purpose(cents: u64) -> ::core::option::Option<Deposited> {
    (cents > 0).then(|| Deposited { cents, purpose: ::std::string::String::new() })
}

/// Opens an account.
#[derive(::ego::Command, ::serde::Serialize, ::serde::Deserialize)]
pub struct Open {
    /// Whose it is.
    pub owner: ::std::string::String,
}

/// Brings money.
#[derive(::ego::Command, ::serde::Serialize, ::serde::Deserialize)]
#[command(name = "bring")]
pub struct Deposit(pub u64);

/// Closes the account, or a part of it.
#[derive(::ego::Command, ::serde::Serialize, ::serde::Deserialize)]
pub enum Close {
    /// All of it.
    Now,
    /// Later, with a last payment.
    After {
        /// How much.
        cents: u64,
    },
}

/// The account is not open, or the limit is reached.
#[derive(::core::fmt::Debug, ::core::cmp::PartialEq)]
pub struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

/// An account.
#[derive(::ego::Aggregate, ::core::default::Default, ::core::fmt::Debug, ::core::cmp::PartialEq)]
#[aggregate(name = "no_prelude.account", event = AccountEvent)]
pub struct Account {
    /// Whose it is.
    pub owner: ::core::option::Option<::std::string::String>,
    /// How much it holds.
    pub cents: u64,
}

#[::ego::handlers]
impl Account {
    #[handle]
    fn open(&self, command: Open) -> ::core::result::Result<AccountEvent, Refused> {
        ::core::result::Result::Ok(AccountEvent::Opened { owner: command.owner })
    }
    #[handle]
    async fn deposit(
        &self,
        command: &Deposit,
        limit: &dyn crate::Limit,
        context: &Context,
    ) -> ::core::result::Result<Decision<AccountEvent, u64>, Refused> {
        ::core::future::ready(()).await;
        if self.owner.is_none() || command.0 > limit.most() {
            return ::core::result::Result::Err(Refused);
        }
        let purpose = ::std::borrow::ToOwned::to_owned(context.id());
        ::core::result::Result::Ok(emit(Deposited { cents: command.0, purpose }).reply(self.cents + command.0))
    }
    #[apply]
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { owner } => self.owner = ::core::option::Option::Some(::core::clone::Clone::clone(owner)),
            AccountEvent::Deposited(deposited) => self.cents += deposited.cents,
            AccountEvent::Closed => self.owner = ::core::option::Option::None,
        }
    }
}

/// A second block of the same aggregate.
#[::ego::handlers]
impl Account {
    #[handle]
    fn close(
        &self,
        command: Close,
    ) -> ::core::result::Result<(::core::option::Option<Deposited>, [AccountEvent; 1]), Infallible> {
        let last = match command {
            Close::Now => ::core::option::Option::None,
            Close::After { cents } => ::core::option::Option::Some(Deposited { cents, purpose: ::std::string::String::new() }),
        };
        ::core::result::Result::Ok((last, [AccountEvent::Closed]))
    }
}

/// What can happen to a purse of this currency: one payload for each.
#[derive(::ego::Event)]
pub enum PurseEvent {
    /// Filled.
    Filled(Deposited),
    /// Emptied.
    Emptied(Emptied),
}

/// Everything was taken.
#[derive(::serde::Serialize, ::serde::Deserialize)]
pub struct Emptied;

/// A purse, generic over its currency.
#[derive(::ego::Aggregate, ::core::default::Default, ::core::fmt::Debug)]
#[aggregate(name = C::PURSE, event = PurseEvent)]
pub struct Purse<C: Currency> {
    /// How much it holds.
    pub cents: u64,
    currency: ::core::marker::PhantomData<C>,
}

/// A currency.
pub trait Currency: ::core::default::Default + ::core::marker::Send + ::core::marker::Sync + 'static {
    /// The kind of its purses.
    const PURSE: &'static str;
}

/// Euros.
#[derive(::core::default::Default, ::core::fmt::Debug)]
pub struct Eur;

impl Currency for Eur {
    const PURSE: &'static str = "no_prelude.purse";
}

#[::ego::handlers]
impl<C: Currency> Purse<C> {
    #[apply]
    fn filled(&mut self, event: &Deposited) {
        self.cents += event.cents;
    }
    #[apply]
    fn emptied(&mut self, _: &Emptied) {
        self.cents = 0;
    }
    #[handle]
    fn fill(&self, command: Deposit) -> ::core::result::Result<::std::vec::Vec<PurseEvent>, Infallible> {
        let filled = Deposited { cents: command.0, purpose: ::std::string::String::new() };
        ::core::result::Result::Ok(::std::vec![PurseEvent::Filled(filled)])
    }
}

#[::ego::handlers(register(Purse<Eur>))]
impl<C: Currency> Purse<C> {
    #[handle]
    fn empty(&self, _: Open) -> ::core::result::Result<Emptied, Infallible> {
        ::core::result::Result::Ok(Emptied)
    }
}

::ego::register!(Purse<Eur>);

/// A view of accounts and, by a key, of purses.
#[derive(::core::default::Default, ::core::fmt::Debug, ::core::cmp::PartialEq, ::serde::Serialize, ::serde::Deserialize)]
pub struct View {
    /// Whose it is.
    pub owner: ::std::string::String,
    /// How much it holds.
    pub cents: u64,
}

#[::ego::projection(name = "no_prelude.view", version = 2, mode = async)]
impl View {
    #[on(Account)]
    async fn account(
        &mut self,
        event: &AccountEvent,
        limit: &dyn crate::Limit,
        delivery: &::ego::model::Delivery,
        meta: &::ego::message::Metadata,
    ) -> ::core::result::Result<::ego::model::Fold, ::std::string::String> {
        ::core::future::ready(()).await;
        match event {
            AccountEvent::Opened { owner } => ::core::clone::Clone::clone_from(&mut self.owner, owner),
            AccountEvent::Deposited(deposited) => self.cents += deposited.cents % limit.most(),
            AccountEvent::Closed => return ::core::result::Result::Ok(::ego::model::Fold::Remove),
        }
        if delivery.time() == meta.time {
            ::core::result::Result::Ok(::ego::model::Fold::Keep)
        } else {
            ::core::result::Result::Err(::std::string::ToString::to_string("another time"))
        }
    }
    #[on(Purse<Eur>, key = |event, delivery| (event.is_filled()).then(|| delivery.id()))]
    fn purse(&mut self, _: &PurseEvent) {}
    #[index]
    fn owner(&self) -> &str {
        &self.owner
    }
    #[index]
    fn cents(&self) -> ::core::option::Option<(u64, bool)> {
        ::core::option::Option::Some((self.cents, true))
    }
}

impl PurseEvent {
    fn is_filled(&self) -> bool {
        match self {
            Self::Filled(_) => true,
            Self::Emptied(_) => false,
        }
    }
}

/// A reactor.
#[derive(::core::default::Default)]
pub struct Reactor;

#[::ego::reactor(name = "no_prelude.reactor", audience = observer)]
impl Reactor {
    #[on(Account)]
    async fn account(&self, _: &AccountEvent, limit: &dyn crate::Limit) -> ::core::result::Result<(), ::std::string::String> {
        ::core::future::ready(()).await;
        if limit.most() > 0 { ::core::result::Result::Ok(()) } else { ::core::result::Result::Err(::std::string::String::new()) }
    }
    #[on(Purse<Eur>)]
    fn purse(&self, _: &PurseEvent) {}
}
