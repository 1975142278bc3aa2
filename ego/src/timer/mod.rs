//! Timers: commands that an aggregate sends itself later, recorded in the commit of the command that schedules them.
//!
//! A handler says [`context.schedule::<Cart>("expire", Duration::from_secs(3600), Expire {})`](crate::model::Context::schedule), and
//! [`context.cancel("expire")`](crate::model::Context::cancel). What is promised:
//!
//! - **Recorded or not at all.** A timer stands in the commit of its command's events: it survives a kill and a power cut as they do (I2),
//!   and a command that is refused, fails or is repeated leaves timers as they were. A command that records nothing but a timer is recorded.
//! - **One effect, never early.** A timer's command is sent at least once, under an id of its own, and takes effect once (I11): the timer goes
//!   in the commit of its effect, whichever engine on the store sends it and whatever is killed meanwhile. Those of one aggregate come in
//!   the order of time, but for those that had to be tried again.
//! - **Cancelled is cancelled.** A timer that was cancelled or replaced has no effect from that command on, also when it is due already: its
//!   command asks again when its turn comes. One thing is not ordered: when several engines share a store, a command that cancels without
//!   recording an event, while another engine is in the middle of that timer's command.
//! - **What fails is visible.** When the handler refuses, the timer is over, and kept with the reason for
//!   [`Engine::failed_timers`](crate::Engine::failed_timers), to be retried or discarded; of each key the last. When its command does not get
//!   through – the store fails, the handler panics – it is tried again, later and later, up to once a minute, and holds up no other; the
//!   engine's [health](crate::Engine::health) says so. When nothing in the program takes it, it stays, for the program that does; the health says
//!   so, too. A timer of an erased stream is dropped.
//!
//! A timer comes as soon as the engine's clock shows its time. An engine hears of what it schedules itself at once, and of what another
//! engine on the same store schedules within five seconds. When somebody sets the machine's clock forwards, that is noticed within a second;
//! when somebody sets it backwards, timers wait until it shows their time again.
//!
//! Its command follows from the one that scheduled it: correlation, actor, tenant and entries are copied down, and the entries `ego.timer`
//! and `ego.timer.due` say which timer it was, and of which tick. A [`Cron`] ticks until it is cancelled or replaced; what becomes of ticks
//! that were [`Missed`] is for the handler to say.
//!
//! In [`ego::test`](crate::testing::test) a timer is expected with
//! [`then_scheduled`](crate::testing::Then::then_scheduled); a [`ManualClock`](crate::clock::ManualClock) brings an engine's timers about at
//! once. Metrics: `ego_timers_fired_total` and `ego_timers_refused_total` by `kind` and `command`, `ego_timers_retried_total` and
//! `ego_timers_missed_total` by `kind`, and `ego_timers_lateness_seconds`, how long after its time a command was sent.

// Read `record` for what is kept, `firing` for what keeps it to one effect, then `run`. What happens in an aggregate's turn is in
// `engine/fire.rs`.

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
