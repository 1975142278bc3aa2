//! The names of the prelude and of ego's own types belong to somebody else.

macro_rules! shadows {
    ($($kind:ident $($name:ident)*;)*) => { $($(
        #[doc = "Not what it seems."]
        #[allow(dead_code, reason = "it only stands in the way")]
        pub $kind $name {}
    )*)* };
}
shadows! {
    struct String Vec Box Rc Arc Infallible PhantomData TypeId Formatter;
    struct Location Entry Stored EventSchema AnyCodec CodecError DecodeError AggregateDescriptor HandlersDescriptor CommandDescriptor TypeRef
        Delivery Metadata Keys Failure Source ProjectionDescriptor ReactorDescriptor ReactorSource IndexValue;
    enum Option Result Some Ok Err None Ordering Fold Mode Audience;
    trait From Into Send Sync Sized Copy Drop Fn FnOnce Default Clone Iterator IntoIterator Future AsRef ToOwned ToString PartialEq;
    trait Serialize Deserialize DeserializeOwned Aggregate Event Command Handles Apply Appliers AppliedAs PartOf Outcome Registers Form Storable
        Projection On Sources Reacts ReactorSources FoldOutput ReactOutput IndexOutput IntoKeys Indexable EventOf KeyOf;
}

/// What can happen to an account.
#[derive(::ego::Event, ::serde::Serialize, ::serde::Deserialize)]
pub enum AccountEvent {
    /// With fields.
    Opened {
        /// Whose it is.
        owner: ::std::string::String,
    },
    /// With a payload.
    #[event(name = "deposited", alias = "Credited", version = 2, upcast(1 => in_cents))]
    Deposited(Deposited),
    /// With nothing.
    Closed,
}

/// Money came in.
#[derive(::serde::Serialize, ::serde::Deserialize)]
pub struct Deposited(pub u64);

fn in_cents(euros: u64) -> Deposited {
    Deposited(euros * 100)
}

/// Opens an account.
#[derive(::ego::Command, ::serde::Serialize, ::serde::Deserialize)]
pub struct Open {
    /// Whose it is.
    pub owner: ::std::string::String,
}

/// Brings money.
#[derive(::ego::Command, ::serde::Serialize, ::serde::Deserialize)]
pub struct Deposit(pub u64);

/// An account.
#[derive(::ego::Aggregate, Default)]
#[aggregate(name = "shadowed_types.account", event = AccountEvent)]
pub struct Account {
    /// How much it holds.
    pub cents: u64,
}

#[::ego::handlers]
impl Account {
    #[handle]
    fn open(&self, command: Open) -> ::core::result::Result<AccountEvent, ::core::convert::Infallible> {
        ::core::result::Result::Ok(AccountEvent::Opened { owner: command.owner })
    }
    #[handle]
    async fn deposit(
        &self,
        command: Deposit,
        limit: &dyn crate::Limit,
    ) -> ::core::result::Result<::ego::model::Decision<AccountEvent, u64>, ::std::string::String> {
        ::core::future::ready(()).await;
        if command.0 > limit.most() {
            return ::core::result::Result::Err(::std::borrow::ToOwned::to_owned("too much"));
        }
        ::core::result::Result::Ok(::ego::model::emit(Deposited(command.0)).reply(self.cents + command.0))
    }
    #[apply]
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { .. } | AccountEvent::Closed => self.cents = 0,
            AccountEvent::Deposited(deposited) => self.cents += deposited.0,
        }
    }
}

/// What can happen to a purse.
#[derive(::ego::Event)]
pub enum PurseEvent {
    /// Filled.
    Filled(Deposited),
}

/// A purse that holds at most so much.
#[derive(::ego::Aggregate, Default)]
#[aggregate(name = Self::KIND, event = PurseEvent)]
pub struct Purse<const MAX: u64> {
    /// How much it holds.
    pub cents: u64,
}

impl<const MAX: u64> Purse<MAX> {
    const KIND: &'static str = "shadowed_types.purse";
}

#[::ego::handlers]
impl<const MAX: u64> Purse<MAX> {
    #[apply]
    fn filled(&mut self, event: &Deposited) {
        self.cents = MAX.min(self.cents + event.0);
    }
    #[handle]
    fn fill(&self, command: &Deposit) -> ::core::result::Result<Deposited, ::core::convert::Infallible> {
        ::core::result::Result::Ok(Deposited(command.0))
    }
}

::ego::register!(Purse<7>);

/// A view of accounts and, by a key, of purses.
#[derive(Default, ::serde::Serialize, ::serde::Deserialize)]
pub struct View {
    /// How much it holds.
    pub cents: u64,
}

fn emptied(event: &PurseEvent) -> ::std::vec::Vec<::std::string::String> {
    let PurseEvent::Filled(by) = event;
    ::std::vec![::std::string::ToString::to_string(&by.0)]
}

#[::ego::projection(name = "shadowed_types.view", version = 2)]
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
        if let AccountEvent::Deposited(by) = event {
            self.cents += by.0.min(limit.most());
        }
        if delivery.time() == meta.time {
            ::core::result::Result::Ok(::ego::model::Fold::Keep)
        } else {
            ::core::result::Result::Err(::std::string::ToString::to_string("another time"))
        }
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

#[::ego::reactor(name = "shadowed_types.reactor", audience = ephemeral)]
impl Reactor {
    #[on(Account)]
    async fn account(&self, _: &AccountEvent, limit: &dyn crate::Limit) -> ::core::result::Result<(), ::std::string::String> {
        ::core::future::ready(()).await;
        if limit.most() > 0 {
            ::core::result::Result::Ok(())
        } else {
            ::core::result::Result::Err(::std::string::ToString::to_string("no limit"))
        }
    }
    #[on(Purse<7>)]
    fn purse(&self, _: &PurseEvent) {}
}
