//! Sagas: what follows events of several aggregates and sends commands, with a memory of its own.
//!
//! The way of an event: `inbox` finds the instances that it is for and tells them, in order → `instance`, an aggregate of its own, calls the
//! saga's method and records in one commit what it did: the state after it, commands, timeouts, the phase → `outbox` follows the instances'
//! streams, sends what they recorded, makes sure of what became of it (`fence`), and tells them.
//!
//! Nothing is done twice: an event, a command, an answer each have a command id that is made of what is recorded (I11). A replay of an
//! instance calls none of the saga's methods.

mod command;
mod descriptor;
mod event;
mod fence;
mod handle;
mod inbox;
mod input;
mod instance;
mod options;
mod outbox;
mod parked;
mod record;
mod source;
mod status;
mod teller;
mod test;
mod timeouts;
mod view;

pub use command::{Abandon, Park, Retry, Settle, Tell};
pub use descriptor::SagaDescriptor;
pub use event::{InputRef, Outstanding, Phase, SagaEvent, Stop, Timeout};
pub use handle::{SagaError, SagaHandle, SagaList};
pub use input::{Happened, Input};
pub use instance::{Instance, SagaRefusal};
pub use options::SagaOptions;
pub use source::{SagaSource, SagaSources};
pub use status::{SagaStatus, Status};
pub use test::{Given, Then, test};
pub use view::SagaView;
