//! Money moves from one account to another. Two accounts are two aggregates, so no single commit can move it: a saga does, and whatever
//! happens on the way, nothing is lost and nothing is made.
//!
//! ```text
//! cargo run -p transfer
//! ```
//!
//! Three transfers: one goes through; one is refused on its way, and what was withdrawn is given back; one gets no answer, and after a timeout
//! it is made certain that it never will, and then the same. Between the second and the third, the program's engine is started anew.

mod account;

use account::{Account, AccountEvent, Become, Deposit, State, Withdraw};
use ego::consumer::{Backoff, Policy};
use ego::prelude::*;
use ego::saga::{InputRef, SagaEvent, SagaOptions};
use ego_sled::SledStore;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::path::Path;
use std::time::Duration;

/// What a customer asks for: one aggregate for each transfer, whose event starts the saga.
#[derive(Event, Clone, Debug, Serialize, Deserialize)]
enum OrderEvent {
    Ordered { from: String, to: String, amount: u64 },
}

#[derive(Command, Debug, Serialize, Deserialize)]
struct Order {
    from: String,
    to: String,
    amount: u64,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "transfer", event = OrderEvent)]
struct TransferOrder {
    ordered: bool,
}

#[ego::handlers]
impl TransferOrder {
    #[handle]
    fn order(&self, cmd: Order) -> Result<OrderEvent, String> {
        let Order { from, to, amount } = cmd;
        if self.ordered { Err("it was ordered before".to_owned()) } else { Ok(OrderEvent::Ordered { from, to, amount }) }
    }
    #[apply]
    fn apply(&mut self, _: &OrderEvent) {
        self.ordered = true;
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Transfer {
    from: String,
    to: String,
    amount: u64,
    withdrawn: bool,
}

#[ego::saga(name = "transfer")]
impl Transfer {
    #[start(TransferOrder)]
    fn ordered(&mut self, event: &OrderEvent, cx: &mut SagaContext<Self>) {
        let OrderEvent::Ordered { from, to, amount } = event;
        *self = Self { from: from.clone(), to: to.clone(), amount: *amount, withdrawn: false };
        cx.send::<Account>(from, Withdraw { amount: *amount });
        cx.timeout(Duration::from_millis(300), "late");
    }

    /// Events of accounts that follow from a command of this transfer: those of others never come here.
    #[on(Account)]
    fn account(&mut self, event: &AccountEvent, cx: &mut SagaContext<Self>, delivery: &Delivery) {
        match event {
            AccountEvent::Withdrawn { amount } => {
                self.withdrawn = true;
                cx.send::<Account>(&self.to, Deposit { amount: *amount });
            }
            AccountEvent::Deposited { .. } if delivery.id() == self.to => cx.complete(),
            AccountEvent::Deposited { .. } | AccountEvent::Became { .. } => {}
        }
    }

    #[rejected]
    fn refused(&mut self, rejection: &Rejected, cx: &mut SagaContext<Self>) {
        if self.withdrawn {
            cx.compensate::<Account>(&self.from, Deposit { amount: self.amount });
        }
        cx.fail(rejection);
    }

    /// A command without an answer may still take effect. It is recalled: what comes of that is told to one of the two methods above.
    #[timeout]
    fn late(&mut self, _: &str, cx: &mut SagaContext<Self>) {
        cx.recall();
    }
}

type Failure = Box<dyn Error + Send + Sync>;

async fn start(folder: &Path) -> Result<Engine, Failure> {
    let retries = Policy::fail().retries(100).backoff(Backoff::new(Duration::from_millis(10), Duration::from_millis(100)));
    let options = SagaOptions::new().policy(retries).timeout(Duration::from_millis(200));
    Ok(Engine::builder().store(SledStore::open(folder)?).saga::<Transfer>(options).start().await?)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let engine = start(folder.path()).await?;
    engine.send::<Account>("ann", Deposit { amount: 1000 }).await?;
    engine.send::<Account>("bob", Deposit { amount: 500 }).await?;
    transfer(&engine, "t-1", "ann moves 250 to bob").await?;

    engine.send::<Account>("bob", Become { state: State::Closed }).await?;
    transfer(&engine, "t-2", "The same again, but bob's account is closed").await?;

    engine.send::<Account>("bob", Become { state: State::Silent }).await?;
    engine.stop(Duration::from_secs(10)).await?;
    let engine = start(folder.path()).await?;
    transfer(&engine, "t-3", "Once more, after a restart: now bob's bank does not answer").await?;
    Ok(engine.stop(Duration::from_secs(10)).await?)
}

async fn transfer(engine: &Engine, id: &str, title: &str) -> Result<(), Failure> {
    println!("{title}");
    engine.send::<TransferOrder>(id, Order { from: "ann".into(), to: "bob".into(), amount: 250 }).await?;
    let status = engine.saga::<Transfer>(id).settled().await?;
    for recorded in engine.saga::<Transfer>(id).history()?.collect().await? {
        for event in recorded.events {
            let SagaEvent::Handled { input, commands, recalled, .. } = event else { continue };
            let input = match input {
                InputRef::Event { name, stream, .. } => format!("{name} ({stream})"),
                InputRef::Rejected { reason, .. } => format!("refused: {reason}"),
                InputRef::TimedOut { name } => format!("timeout {name:?}"),
                _ => continue,
            };
            let sent =
                commands.iter().map(|one| format!("{} to {}", if one.compensates { "give back" } else { &one.command }, one.id));
            let sent: Vec<_> = sent.chain(recalled.iter().map(|one| format!("recall {} to {}", one.command, one.id))).collect();
            println!("  {input:<40} → {}", if sent.is_empty() { "nothing".to_owned() } else { sent.join(", ") });
        }
    }
    println!("  {}{}", status.status(), status.reason().map(|reason| format!(": {reason}")).unwrap_or_default());
    let (ann, bob) = (engine.load::<Account>("ann").await?.state.balance, engine.load::<Account>("bob").await?.state.balance);
    assert_eq!(ann + bob, 1500, "money was lost or made");
    println!("  ann has {ann}, bob has {bob}, together 1500\n");
    Ok(())
}
