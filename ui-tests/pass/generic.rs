// A generic aggregate, its two blocks, and the registration of its instances.
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::marker::PhantomData;

#[derive(Event, Serialize, Deserialize)]
enum WalletEvent {
    Filled { by: usize },
}
#[derive(Command, Serialize, Deserialize)]
struct Fill {
    by: usize,
}
#[derive(Command, Serialize, Deserialize)]
struct Convert<T>(T);
#[derive(Command, Serialize, Deserialize)]
struct Drain;

trait Currency: Default + Clone + Serialize + for<'de> Deserialize<'de> + Send + Sync + 'static {
    const WALLET: &'static str;
}
#[derive(Default, Clone, Serialize, Deserialize)]
struct Usd;
#[derive(Default, Clone, Serialize, Deserialize)]
struct Eur;
impl Currency for Usd {
    const WALLET: &'static str = "wallet.usd";
}
impl Currency for Eur {
    const WALLET: &'static str = "wallet.eur";
}

#[derive(Aggregate, Default)]
#[aggregate(name = <C as Currency>::WALLET, event = WalletEvent)]
struct Wallet<C: Currency, const MAX: usize> {
    amount: usize,
    currency: PhantomData<C>,
}

#[ego::handlers]
impl<C: Currency, const MAX: usize> Wallet<C, MAX> {
    #[apply]
    fn apply(&mut self, event: &WalletEvent) {
        match event {
            WalletEvent::Filled { by } => self.amount = MAX.min(self.amount + by),
        }
    }
    #[handle]
    fn fill(&self, command: Fill) -> Result<WalletEvent, Infallible> {
        Ok(WalletEvent::Filled { by: command.by })
    }
    // The command may speak about the parameter.
    #[handle]
    fn convert(&self, command: Convert<C>) -> Result<Decision<WalletEvent, C>, Infallible> {
        Ok(Decision::nothing().reply(command.0))
    }
}

#[ego::handlers(register(Wallet<Usd, 3>, Wallet<Eur, 3>,))]
impl<C, const MAX: usize> Wallet<C, MAX>
where
    C: Currency,
{
    #[handle]
    fn drain(&self, _: Drain) -> Result<(), Infallible> {
        Ok(())
    }
}

ego::register!(Wallet<Usd, 3>);
ego::register!(Wallet<Eur, 3>,);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let engine = Engine::builder().start().await.unwrap();
    engine.send::<Wallet<Usd, 3>>("ann", Fill { by: 2 }).await.unwrap();
    engine.send::<Wallet<Eur, 3>>("ann", Drain).await.unwrap();
    let Eur = engine.send::<Wallet<Eur, 3>>("ann", Convert(Eur)).await.unwrap().reply;
}
