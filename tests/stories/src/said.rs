//! What a process says on its standard output before it is killed: one JSON value per line.

use crate::Asked;
use serde::{Deserialize, Serialize};
use std::io::Write;

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Said {
    /// A command is about to be sent.
    Tried {
        /// To which till.
        till: String,
        /// Under which id.
        id: String,
        /// Which one.
        asked: Asked,
    },
    /// It was acknowledged.
    Promised(Promise),
    /// It was refused: nothing may be recorded.
    Refused {
        /// The command.
        id: String,
    },
}

/// What was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The command.
    pub id: String,
    /// What it replied.
    pub reply: u64,
    /// The till's last revision after it.
    pub revision: Option<u64>,
    /// The position of its last event.
    pub position: Option<u64>,
}

impl Promise {
    /// What the receipt says.
    #[must_use]
    pub fn of(receipt: &ego::engine::Receipt<u64>) -> Self {
        Self {
            id: receipt.command_id.as_str().to_owned(),
            reply: receipt.reply,
            revision: receipt.revision.map(u64::from),
            position: receipt.position.map(u64::from),
        }
    }
}

impl Said {
    const MARK: &str = "said ";

    /// Says it: with the line's end it has left the process.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn say(&self) -> std::io::Result<()> {
        let json = serde_json::to_string(self)?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}{json}", Self::MARK)?;
        out.flush()
    }

    /// Hears it, if the line is one and was said to its end.
    #[must_use]
    pub fn hear(line: &str) -> Option<Self> {
        serde_json::from_str(line.strip_prefix(Self::MARK)?.strip_suffix('\n')?).ok()
    }
}
