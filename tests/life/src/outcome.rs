//! How a check fails: with a sentence.

use std::error::Error;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// An error with everything that led to it.
pub(crate) fn whole(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Ends the check with a sentence unless it holds.
macro_rules! hold {
    ($holds:expr, $($said:tt)*) => {
        if !$holds {
            return Err(format!($($said)*).into());
        }
    };
}
pub(crate) use hold;
