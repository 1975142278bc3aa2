//! What a process says on its standard output before it is killed: one JSON value per line, the attempt before its answer.

use crate::tried::{Answer, Tried};
use ego::message::StreamId;
use serde::{Deserialize, Serialize};
use std::io::Write;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Said {
    /// A command is about to be sent.
    Tried(Tried),
    /// It was answered.
    Answered { token: String, answer: Answer, repeated: bool },
    /// The store was opened: how many bytes of a torn write were cut, and why its index was rebuilt, if it was.
    Recovered { cut: u64, rebuilt: Option<String> },
    /// Something else begins.
    Begun(Chore),
    /// It was acknowledged.
    Done(Chore),
    /// It was refused: it had no effect.
    Refused(Chore),
    /// Whoever reads the log behind `after` saw these events up to `position`, as one number.
    Saw { after: u64, position: u64, digest: u64 },
}

/// What is done besides sending commands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Chore {
    Open,
    Close,
    Compact,
    Snapshot {
        stream: StreamId,
        revision: u64,
    },
    Checkpoint {
        consumer: String,
        position: u64,
    },
    /// A view's rows and its checkpoint change together.
    Step {
        consumer: String,
        position: u64,
    },
    Delete {
        stream: StreamId,
        revision: u64,
    },
    Erase {
        stream: StreamId,
    },
}

impl Said {
    /// Says it: with the line's end it has left the process.
    pub(crate) fn say(&self) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        let mut out = std::io::stdout().lock();
        out.write_all(&line)?;
        out.flush()
    }

    /// Hears it, if it was said to its end.
    pub(crate) fn hear(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line.strip_suffix(b"\n")?).ok()
    }
}
