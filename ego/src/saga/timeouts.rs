//! Timeouts of an instance: timers of its aggregate, recorded in the same commit as the event that began them.

use super::command::Tell;
use super::event::Timeout;
use super::input::Input;
use super::instance::Instance;
use super::source::SagaSources;
use crate::model::Context;

/// The timeout comes as an input, unless it is cancelled or begun anew by then.
pub(super) fn schedule<S: SagaSources>(context: &Context, timeout: &Timeout) {
    let Timeout { name, number, due } = timeout;
    let input = Input::TimedOut { name: name.clone(), number: number.clone() };
    context.schedule::<Instance<S>>(name, *due, Tell { input, once: true });
}

pub(super) fn cancel(context: &Context, name: &str) {
    context.cancel(name);
}
