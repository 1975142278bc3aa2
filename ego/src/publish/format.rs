//! How an event is written down.

use super::{CloudEvent, FlatEvent};
use std::fmt;

/// How an event is written as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The JSON format of CloudEvents 1.0: [`CloudEvent`].
    #[default]
    CloudEvents,
    /// `{id, aggregate_id, aggregate_type, version, type, data}`: [`FlatEvent`].
    Flat,
}

/// As JSON in one line.
impl fmt::Display for CloudEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_json(self, f)
    }
}

/// As JSON in one line.
impl fmt::Display for FlatEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_json(self, f)
    }
}

fn write_json(event: &impl serde::Serialize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // Nothing in it can refuse: texts, times and JSON.
    f.write_str(&serde_json::to_string(event).map_err(|_| fmt::Error)?)
}
