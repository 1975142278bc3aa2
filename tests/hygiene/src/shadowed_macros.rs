//! Every macro that generated code might call is another one.

macro_rules! shadows {
    ($dollar:tt $($name:ident)*) => { $(
        #[allow(unused_macros, reason = "it only stands in the way")]
        macro_rules! $name {
            ($dollar($dollar any:tt)*) => {
                compile_error!("a macro of the module was called")
            };
        }
    )* };
}
shadows! { $ vec format concat stringify file line column module_path panic assert assert_eq debug_assert matches unreachable todo write print cfg env include include_str option_env submit register }

use ego::prelude::*;

/// What can happen to an account.
#[derive(Event, serde::Serialize, serde::Deserialize)]
pub enum AccountEvent {
    /// With fields.
    Opened {
        /// Whose it is.
        owner: String,
    },
    /// With a payload.
    #[event(name = "deposited", alias = "Credited", version = 2, upcast(1 => in_cents))]
    Deposited(Deposited),
}

/// Money came in.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Deposited(pub u64);

fn in_cents(euros: u64) -> Deposited {
    Deposited(euros * 100)
}

/// Brings money.
#[derive(Command, serde::Serialize, serde::Deserialize)]
pub struct Deposit(pub u64);

/// Opens an account.
#[derive(Command, serde::Serialize, serde::Deserialize)]
pub struct Open;

/// An account.
#[derive(Aggregate, Default)]
#[aggregate(name = "shadowed_macros.account", event = AccountEvent)]
pub struct Account {
    /// How much it holds.
    pub cents: u64,
}

#[ego::handlers]
impl Account {
    #[handle]
    fn open(&self, _: Open, context: &Context) -> Result<AccountEvent, String> {
        Ok(AccountEvent::Opened { owner: context.id().to_owned() })
    }
    #[handle]
    async fn deposit(&self, command: Deposit, limit: &dyn crate::Limit) -> Result<Deposited, String> {
        std::future::ready(()).await;
        if command.0 > limit.most() { Err("too much".to_owned()) } else { Ok(Deposited(command.0)) }
    }
    #[apply]
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { .. } => self.cents = 0,
            AccountEvent::Deposited(deposited) => self.cents += deposited.0,
        }
    }
}

/// What can happen to a purse.
#[derive(Event)]
pub enum PurseEvent {
    /// Filled.
    Filled(Deposited),
}

/// A purse that holds at most so much.
#[derive(Aggregate, Default)]
#[aggregate(name = Self::PURSE, event = PurseEvent)]
pub struct Purse<const MAX: u64> {
    /// How much it holds.
    pub cents: u64,
}

impl<const MAX: u64> Purse<MAX> {
    const PURSE: &'static str = "shadowed_macros.purse";
}

#[ego::handlers]
impl<const MAX: u64> Purse<MAX> {
    #[apply]
    fn filled(&mut self, event: &Deposited) {
        self.cents = MAX.min(self.cents + event.0);
    }
    #[handle]
    fn fill(&self, command: &Deposit) -> Result<Deposited, std::convert::Infallible> {
        Ok(Deposited(command.0))
    }
}

#[ego::handlers(register(Purse<7>))]
impl<const MAX: u64> Purse<MAX> {
    #[handle]
    fn fill_up(&self, _: Open) -> Result<Deposited, std::convert::Infallible> {
        Ok(Deposited(MAX))
    }
}

::ego::register!(Purse<7>);

/// A view of accounts and, by a key, of purses.
#[derive(Default, serde::Serialize, serde::Deserialize)]
pub struct View {
    /// How much it holds.
    pub cents: u64,
}

fn emptied(event: &PurseEvent) -> Vec<String> {
    let PurseEvent::Filled(by) = event;
    Vec::from([ToString::to_string(&by.0)])
}

#[ego::projection(name = "shadowed_macros.view", version = 2)]
impl View {
    #[on(Account)]
    async fn account(
        &mut self,
        event: &AccountEvent,
        limit: &dyn crate::Limit,
        delivery: &Delivery,
        meta: &ego::message::Metadata,
    ) -> Result<Fold, String> {
        std::future::ready(()).await;
        if let AccountEvent::Deposited(by) = event {
            self.cents += by.0.min(limit.most());
        }
        if delivery.time() == meta.time { Ok(Fold::Keep) } else { Err(ToString::to_string("another time")) }
    }
    #[on(Purse<7>, key = emptied)]
    fn purse(&mut self, event: &PurseEvent) {
        let PurseEvent::Filled(by) = event;
        self.cents = by.0;
    }
    #[index]
    fn cents(&self) -> u64 {
        self.cents
    }
}

/// A reactor.
#[derive(Default)]
pub struct Reactor;

#[ego::reactor(name = "shadowed_macros.reactor", audience = ephemeral)]
impl Reactor {
    #[on(Account)]
    async fn account(&self, _: &AccountEvent, limit: &dyn crate::Limit) -> Result<(), String> {
        std::future::ready(()).await;
        if limit.most() > 0 { Ok(()) } else { Err(ToString::to_string("no limit")) }
    }
    #[on(Purse<7>)]
    fn purse(&self, _: &PurseEvent) {}
}
