//! What a process says on its standard output before it is killed: one JSON value per line.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::Write;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Said {
    Begun(Chore),
    Ended(Chore),
    Answered,
    /// The views of a projection were seen, as a fold up to this position.
    Saw {
        projection: String,
        position: u64,
    },
    /// Its views may be thrown away from here on.
    Forgets {
        projection: String,
    },
}

/// What a process is at, besides commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Chore {
    Open,
    Pause,
    Rebuild,
    Reset,
    Replay,
    Delete,
}

impl fmt::Display for Chore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
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
