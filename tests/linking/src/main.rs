//! A program that uses `accounts`, says `use orders as _`, and has `unnamed` in its `Cargo.toml` only.

use accounts::{Account, Eur, Usd, Wallet};
use ego::Engine;
use orders as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    linking::report(Engine::builder().require::<Account>().require::<Wallet<Usd>>()).await?;
    // Registered by a crate that is not linked.
    if let Err(error) = Engine::builder().require::<Account>().require::<Wallet<Eur>>().start().await {
        println!("{error}");
    }
    Ok(())
}
