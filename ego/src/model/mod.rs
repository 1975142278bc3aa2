//! The domain's types, as ego sees them: what the macros implement, and what may be written by hand instead.
//!
//! Read [`Aggregate`], [`Handles`] and [`Event`] first. Nothing here knows a store, a runtime or a clock (I9).

mod aggregate;
mod command;
mod context;
mod decision;
mod delivery;
mod durable;
mod event;
mod personal;
mod projection;
mod reactor;
mod saga;
mod schedule;
mod service;
mod snapshots;
mod storable;

pub use aggregate::{Aggregate, AppliedAs, Appliers, Apply, ByPayload, Form, PartOf, Whole};
pub use command::{Command, HandledBy, Handles};
pub use context::Context;
pub(crate) use context::{Effects, Scheduled, TimerChange};
pub use decision::{Decision, HandlerResult, Outcome, Rejection, Reply, emit};
pub use delivery::{Delivery, Token};
pub use durable::{AsState, Changed, Durable, KeepsEvents, Returned, Saved, Unapplied};
pub use event::{DecodeError, Event, EventSchema, Stored, Upcast, UpcastTo};
pub(crate) use personal::Holds;
pub use personal::{Field, Personal, Shape};
pub use projection::{Failure, Fold, FoldOutput, IndexOutput, IndexValue, Indexable, IntoKeys, Keys, Mode, On, Projection};
pub use reactor::{Audience, ReactOutput, Reactor, Reacts};
pub use saga::{Continues, Rejected, Saga, SagaContext, SagaOutput, Starts};
pub use schedule::{Cron, Missed, ScheduleError, When};
pub use service::{MissingService, Services};
pub use snapshots::{KeptState, Snapshots};
pub use storable::Storable;

pub(crate) use durable::fold;
pub(crate) use saga::End;
