//! What can be seen of an engine from outside.

use crate::engine::{CommandError, Receipt};

/// How a command ended, in one word.
pub(crate) fn outcome<R, E>(answered: &Result<Receipt<R>, CommandError<E>>) -> &'static str {
    use CommandError as C;
    match answered {
        Ok(receipt) if receipt.repeated => "repeated",
        Ok(_) => "done",
        Err(C::Rejected(_)) => "rejected",
        Err(C::Conflict { .. }) => "conflict",
        Err(C::Denied(_)) => "denied",
        Err(C::Timeout { .. }) => "timeout",
        Err(_) => "failed",
    }
}
