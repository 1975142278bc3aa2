//! Types, constants and where clauses as parameters, of events, payloads, commands, aggregates and services.

use ego::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt::Debug;
use std::marker::PhantomData;

/// A currency.
pub trait Currency: Default + Debug + Send + Sync + 'static {
    /// The kind of its wallets.
    const WALLET: &'static str;
}

/// Dollars.
#[derive(Debug, Default)]
pub struct Usd;

/// Euros.
#[derive(Debug, Default)]
pub struct Eur;

impl Currency for Usd {
    const WALLET: &'static str = "generic.usd";
}

impl Currency for Eur {
    const WALLET: &'static str = "generic.eur";
}

/// What can be stored and compared.
pub trait Amount: Serialize + DeserializeOwned + Copy + Default + Ord + Send + Sync + 'static {}
impl<T: Serialize + DeserializeOwned + Copy + Default + Ord + Send + Sync + 'static> Amount for T {}

/// What can happen to a wallet.
#[derive(Event, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum WalletEvent<N, const MAX: usize>
where
    N: Amount,
{
    /// With fields.
    Filled {
        /// With how much.
        by: N,
    },
    /// With a generic payload.
    Noted(Note<N>),
    /// With nothing.
    Emptied,
}

/// A payload.
#[derive(Debug, Serialize, Deserialize)]
pub struct Note<N>(pub N);

/// A request.
#[derive(Command, Serialize, Deserialize)]
pub struct Fill<N: 'static>
where
    N: Copy,
{
    /// With how much.
    pub by: N,
}

/// A request without parameters.
#[derive(Command, Serialize, Deserialize)]
pub struct Empty;

/// A request that only one instance is asked.
#[derive(Command, Serialize, Deserialize)]
pub struct Drain;

/// A generic service.
pub trait Rounds<N>: Send + Sync {
    /// Rounds.
    fn round(&self, amount: N) -> N;
}

/// Rounds to nothing.
#[derive(Debug)]
pub struct Exact;

impl<N> Rounds<N> for Exact {
    fn round(&self, amount: N) -> N {
        amount
    }
}

/// A wallet of a currency, which holds at most so much, counted in `N`.
#[derive(Aggregate, Debug, Default, Serialize, Deserialize)]
#[aggregate(name = C::WALLET, event = WalletEvent<N, MAX>)]
#[serde(bound = "")]
pub struct Wallet<C, N, const MAX: usize>
where
    C: Currency,
    N: Amount,
{
    /// The largest amount that came at once.
    pub amount: N,
    /// How often something came, `MAX` at most.
    pub times: usize,
    currency: PhantomData<fn() -> C>,
}

#[ego::handlers]
impl<C, N, const MAX: usize> Wallet<C, N, MAX>
where
    C: Currency,
    N: Amount,
{
    #[apply]
    fn apply(&mut self, event: &WalletEvent<N, MAX>) {
        match event {
            WalletEvent::Filled { by } | WalletEvent::Noted(Note(by)) => {
                self.amount = self.amount.max(*by);
                self.times = MAX.min(self.times + 1);
            }
            WalletEvent::Emptied => self.amount = N::default(),
        }
    }
    #[handle]
    fn fill(&self, command: Fill<N>, rounds: &dyn Rounds<N>) -> Result<(WalletEvent<N, MAX>, Note<N>), Infallible> {
        let by = rounds.round(command.by);
        Ok((WalletEvent::Filled { by }, Note(by)))
    }
}

#[ego::handlers(register(Wallet<Usd, u64, 3>, Wallet<Eur, i8, 1>))]
impl<C: Currency, N: Amount, const MAX: usize> Wallet<C, N, MAX> {
    #[handle]
    async fn empty(&self, _: Empty) -> Result<Decision<WalletEvent<N, MAX>, N>, Infallible> {
        std::future::ready(()).await;
        Ok(emit(WalletEvent::Emptied).reply(self.amount))
    }
}

/// A block of one instance registers itself.
#[ego::handlers]
impl Wallet<Usd, u64, 3> {
    #[handle]
    fn drain(&self, _: Drain) -> Result<WalletEvent<u64, 3>, Infallible> {
        Ok(WalletEvent::Emptied)
    }
}

ego::register!(Wallet<Usd, u64, 3>, Wallet<Eur, i8, { 2 - 1 }>,);

/// Events that are told by their payloads, which are generic.
#[derive(Event)]
pub enum LogEvent<T: Amount> {
    /// One.
    Entered(Note<T>),
    /// Another.
    Struck(Struck<T>),
}

/// A payload.
#[derive(Debug, Serialize, Deserialize)]
pub struct Struck<T>(pub Option<T>);

/// An aggregate with a default parameter and a bound in its list.
#[derive(Aggregate, Debug, Default)]
#[aggregate(name = Self::NAME, event = LogEvent<T>)]
pub struct Log<T: Amount = u32> {
    /// What was entered.
    pub entries: Vec<T>,
}

impl<T: Amount> Log<T> {
    const NAME: &'static str = "generic.log";
}

#[ego::handlers]
impl<T: Amount> Log<T> {
    #[apply]
    fn entered(&mut self, event: &Note<T>) {
        self.entries.push(event.0);
    }
    #[apply]
    fn struck(&mut self, _: &Struck<T>) {
        self.entries.pop();
    }
    #[handle]
    fn enter(&self, command: Fill<T>) -> Result<Note<T>, Infallible> {
        Ok(Note(command.by))
    }
    #[handle]
    fn strike(&self, _: Empty) -> Result<Option<Struck<T>>, Infallible> {
        Ok(self.entries.last().map(|last| Struck(Some(*last))))
    }
}

ego::register!(Log);

/// A view with parameters, of which one instance is stored.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Filled<N: Amount, const MAX: usize> {
    /// With how much.
    pub by: N,
}

#[ego::projection(name = "generic.filled")]
impl Filled<u64, 3> {
    #[on(Wallet<Usd, u64, 3>)]
    fn wallet(&mut self, event: &WalletEvent<u64, 3>, rounds: &dyn Rounds<u64>) {
        let _ = rounds;
        if let WalletEvent::Filled { by } = event {
            self.by = *by;
        }
    }
    #[on(Wallet<Eur, i8, 1>, key = |event| [event.name()])]
    fn another(&mut self, _: &WalletEvent<i8, 1>) {}
    #[index]
    fn by(&self) -> u64 {
        self.by
    }
}

impl<N: Amount, const MAX: usize> WalletEvent<N, MAX> {
    fn name(&self) -> &'static str {
        match self {
            Self::Filled { .. } => "filled",
            Self::Noted(_) => "noted",
            Self::Emptied => "emptied",
        }
    }
}
