//! What an instance is told.

use super::event::Stop;
use super::input::Input;
use crate::Command;
use serde::{Deserialize, Serialize};

/// Here is an input.
#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub struct Tell {
    /// Which.
    pub(crate) input: Input,
    /// Whether it is accepted when it changes nothing.
    #[serde(default)]
    pub(crate) once: bool,
}

/// Here is an input that a method could not handle, often enough.
#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub struct Park {
    pub(crate) input: Input,
    pub(crate) reason: String,
}

/// A command of its own needs no method any more: it took effect, or somebody has to look at it.
#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub struct Settle {
    pub(crate) number: String,
    /// Why it is not sent any more; `None` when it took effect.
    pub(crate) stopped: Option<Stop>,
}

/// Try again what could not be done.
#[derive(Command, Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Retry {}

/// Give up.
#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub struct Abandon {
    /// Why.
    pub reason: String,
}
