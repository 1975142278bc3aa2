//! Layers: what is done around every command, and around every handler of events.
//!
//! A [`CommandLayer`] sees each command before it comes to its aggregate and the answer behind it: one that is sent and awaited, one
//! that nobody waits for, one that comes by name, and those of timers and sagas. It may read the command, change its metadata, shorten
//! its time, send it on once, several times or not at all. An [`EventLayer`] stands around the methods of projections and reactors in
//! the same way. The first that is added to an engine is the outermost.
//!
//! ```standalone_crate
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
//! # enum TillEvent { Paid { amount: u64 } }
//! # #[derive(Command, Serialize, Deserialize)]
//! # struct Pay { amount: u64 }
//! # #[derive(Aggregate, Default)]
//! # #[aggregate(name = "till", event = TillEvent)]
//! # struct Till { sum: u64 }
//! # #[ego::handlers]
//! # impl Till {
//! #     #[handle]
//! #     fn pay(&self, cmd: Pay) -> Result<TillEvent, String> { Ok(TillEvent::Paid { amount: cmd.amount }) }
//! #     #[apply]
//! #     fn apply(&mut self, event: &TillEvent) { let TillEvent::Paid { amount } = event; self.sum += amount; }
//! # }
//! use ego::layer::{Authorise, Denial, Log, Validate};
//! use ego::message::MetadataDraft;
//! use ego::prelude::*;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::builder()
//!     .layer(Log::new())
//!     .layer(Authorise::actors(|actor, command| match (actor, command.name()) {
//!         ("ann", "Pay") => Ok(()),
//!         _ => Err("only Ann pays".into()),
//!     }))
//!     .layer(Validate::new().check::<Pay>(|pay, problems| {
//!         if pay.amount == 0 {
//!             problems.add("amount", "it is nothing");
//!         }
//!     }))
//!     .start()
//!     .await?;
//!
//! let bob = MetadataDraft::new().actor("bob");
//! let refused = engine.send::<Till>("t", Pay { amount: 5 }).metadata(bob).await.unwrap_err();
//! let CommandError::Denied(denied) = refused else { return Err(refused.into()) };
//! assert_eq!((denied.layer, denied.reason), ("authorise", Denial::Unauthorised("only Ann pays".into())));
//! # engine.stop(std::time::Duration::from_secs(1)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Without layers nothing is changed for a command but one look at an empty list. With some, the command, its answer and each layer's
//! future are kept behind pointers: a few allocations for each command.

mod authorise;
mod command;
mod deadline;
mod denial;
mod event;
mod log;
#[cfg(feature = "governor")]
mod rate;
mod retry;
mod trace;
mod validate;

pub use authorise::Authorise;
pub use command::{Answered, AnyReply, CommandCall, CommandLayer, Next};
pub use deadline::Deadline;
pub use denial::{Denial, Denied, Problem, Problems};
pub use event::{EventCall, EventLayer, NextEvent};
pub use log::Log;
#[cfg(feature = "governor")]
pub use rate::RateLimit;
pub use retry::RetryConflicts;
pub use trace::Trace;
pub use validate::Validate;

pub(crate) use command::Target;
pub(crate) use event::{handle, is_around};
