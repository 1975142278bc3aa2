//! A shopping cart: its state is stored, no events; whoever wants follows the states; an abandoned cart expires, also over a restart.
//!
//! ```text
//! cargo run -p cart
//! ```
//!
//! Read `cart.rs` first. The clock is moved by hand, so that the hour passes at once.

mod cart;

use cart::{Add, Cart, CheckOut, PATIENCE, Remove};
use ego::clock::ManualClock;
use ego::prelude::*;
use ego::publish::{ChannelPublisher, Envelope, PublisherOptions};
use ego_sled::SledStore;
use std::error::Error;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let folder = tempfile::tempdir()?;
    let clock = ManualClock::at(ego::Timestamp::UNIX_EPOCH);
    let (engine, mut screen) = open(folder.path(), &clock).await?;

    let tea = |count| Add { item: "tea".into(), count };
    engine.send::<Cart>("ann", tea(2)).await?;
    show(&mut screen).await;
    let milk = engine.send::<Cart>("ann", Add { item: "milk".into(), count: 1 }).await?;
    println!("ann has {} items; her cart was saved {} times", milk.reply, milk.revision.map_or(0, u64::from));
    show(&mut screen).await;
    engine.send::<Cart>("ann", Remove { item: "milk".into() }).await?;
    show(&mut screen).await;
    if let Err(error) = engine.send::<Cart>("ann", Remove { item: "salt".into() }).await {
        println!("refused: {error}");
    }
    engine.send::<Cart>("ann", CheckOut {}).await?;
    show(&mut screen).await;
    engine.send::<Cart>("bob", tea(1)).await?;
    show(&mut screen).await;

    // The timer of bob's cart is stored with it.
    engine.stop(Duration::from_secs(10)).await?;
    clock.advance(PATIENCE);
    println!("an hour later, after a restart");
    let (engine, mut screen) = open(folder.path(), &clock).await?;
    show(&mut screen).await;

    // Whoever comes now is given each cart once, as it is.
    let mut carts = engine.subscribe().states::<Cart>().await?;
    for _ in 0..2 {
        let cart = carts.next().await.ok_or("the engine was stopped")??;
        println!("{}: {:?}, checked out: {}", cart.delivery.id(), cart.state.items, cart.state.checked_out);
    }
    engine.stop(Duration::from_secs(10)).await?;
    Ok(())
}

/// An engine on the store in this folder, and a screen that is sent every cart that changed.
async fn open(folder: &Path, clock: &ManualClock) -> Outcome<(Engine, Receiver<Envelope>)> {
    let (publisher, screen) = ChannelPublisher::new("screen", 16);
    let engine = Engine::builder()
        .store(SledStore::open(folder.join("store"))?)
        .clock(clock.clone())
        .publisher_with(publisher, PublisherOptions::states().kind("cart"))
        .start()
        .await?;
    Ok((engine, screen))
}

async fn show(screen: &mut Receiver<Envelope>) {
    if let Some(state) = screen.recv().await {
        println!("  screen: {} is now {}", state.delivery.id(), state.event);
    }
}
