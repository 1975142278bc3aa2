//! Consumers: what follows the log under a name, with a checkpoint – projections, publishers, reactors. What they have in common: how
//! they stand, what becomes of an event that they cannot handle, and how they are paused and resumed.

mod control;
mod follow;
mod ground;
mod handle;
mod lanes;
mod policy;
pub(crate) mod progress;
mod status;

pub use handle::ConsumerHandle;
pub use policy::{Backoff, Policy, Then};
pub use progress::Begin;
pub use status::{Ailment, ConsumerKind, Health, LastError, Parked, State, Status};

pub(crate) use control::{Control, Wanted};
pub(crate) use follow::{Course, Follower, Handler, Way, checkpoint_of, with_causes};
pub(crate) use ground::{Consumer, Consumers, StoppedBy, status};
pub(crate) use lanes::{Lanes, Undone, Work};
pub(crate) use progress::enter;
