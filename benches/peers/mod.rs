//! The workload "account" on ego and on its peers, each in memory and as its own documentation writes it.

mod cqrs;
mod ego;
mod evento;
mod eventsourced;
mod kameo;
mod nobody;
mod ractor;

pub use cqrs::Cqrs;
pub use ego::Ego;
pub use evento::Evento;
pub use eventsourced::Eventsourced;
pub use kameo::Kameo;
pub use nobody::Nobody;
pub use ractor::Ractor;
