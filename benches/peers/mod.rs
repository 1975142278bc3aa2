//! The workload "account" on ego and on its peers, each in memory and as its own documentation writes it.

mod cqrs;
mod ego;
mod evento;
mod eventsourced;
mod kameo;
mod nobody;
mod ractor;

use benches::Result;
use benches::load::{Client, Ledger};
use std::future::Future;

pub use cqrs::Cqrs;
pub use ego::Ego;
pub use evento::Evento;
pub use eventsourced::Eventsourced;
pub use kameo::Kameo;
pub use nobody::Nobody;
pub use ractor::Ractor;

/// Accounts that can be credited.
pub trait Bank: Client {
    /// Opens so many accounts.
    fn open(accounts: usize) -> impl Future<Output = Result<Self>> + Send;

    /// What the accounts hold.
    fn balances(&self) -> impl Future<Output = Result<Ledger>> + Send;

    /// Lets go of everything.
    fn close(self) -> impl Future<Output = Result<()>> + Send;
}
