//! What a process says while it is recorded: each line stands in the trace between the operations before and after it.

use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Said {
    /// Something is about to be done.
    Tried { id: String, does: Does },
    /// It was acknowledged.
    Done { id: String, told: Told },
    /// It was refused: nothing may be there of it.
    Refused { id: String },
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Does {
    /// A command, through the engine: so many events.
    Add {
        vault: String,
        by: u64,
        times: u64,
        note: usize,
    },
    /// A command that records nothing.
    Look {
        vault: String,
    },
    /// A commit, straight to the store; those with the same batch number are one batch, in this order.
    Append {
        vault: String,
        by: u64,
        times: u64,
        note: usize,
        batch: u64,
    },
    /// A commit of a state.
    Save {
        safe: String,
        note: usize,
    },
    Checkpoint {
        consumer: String,
        position: Option<u64>,
    },
    Forget {
        consumer: String,
    },
    /// The view's rows and its checkpoint, together.
    Step {
        position: u64,
    },
    Snapshot {
        vault: String,
        revision: u64,
        position: u64,
        note: usize,
    },
    Delete {
        vault: String,
        revision: u64,
    },
    Erase {
        vault: String,
    },
    Compact,
    Close,
}

/// What was acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) reply: u64,
    pub(crate) revision: Option<u64>,
    pub(crate) position: Option<u64>,
}

impl Told {
    pub(crate) fn of(receipt: &ego::engine::Receipt<u64>) -> Self {
        Self { reply: receipt.reply, revision: receipt.revision.map(u64::from), position: receipt.position.map(u64::from) }
    }
}

impl Said {
    /// Says it with one write: once this returns, the trace has it.
    pub(crate) fn say(&self, mut marks: &File) -> std::io::Result<()> {
        let mut line = serde_json::to_string(self)?;
        line.push('\n');
        marks.write_all(line.as_bytes())
    }
}
