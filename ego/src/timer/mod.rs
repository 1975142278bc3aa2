//! Timers: commands that an aggregate sends itself later, recorded in the commit of the command that schedules them.

mod alarm;
mod firing;
mod ops;
mod record;
mod run;
mod told;

pub use crate::message::TimerKey;
pub use crate::model::{Cron, Missed, ScheduleError, When};
pub use ops::TimerError;
pub use record::{FailedTimer, Timer};

pub(crate) use alarm::Alarm;
pub(crate) use firing::Firing;
pub(crate) use record::{FAILED, TIMERS, change};
pub(crate) use told::Timers;
