//! Checks a store without changing it: every sum, number and place, the index against the log, the snapshots.
//!
//! `cargo run -p ego-sled --example verify -- ./bank`
//!
//! The first line counts what was read, the next ones say what the next opening will do, and each line that begins with `DAMAGE` is one
//! thing that does not check, with its file and where in it, the log's first. The exit code is 0 for a store that is whole, 1 for damage,
//! 2 when it could not be checked: nothing was asked for, there is no store, somebody has it open.

use ego_sled::SledStore;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let folder = std::env::args().nth(1);
    report(folder.as_deref(), &mut io::stdout().lock()).map_or(ExitCode::from(2), ExitCode::from)
}

/// Writes what checking a folder finds, and says the exit code.
pub(crate) fn report(folder: Option<&str>, out: &mut impl Write) -> io::Result<u8> {
    let Some(folder) = folder else {
        writeln!(out, "say which folder holds the store")?;
        return Ok(2);
    };
    let found = match SledStore::verify(folder) {
        Ok(found) => found,
        Err(error) => {
            let cause = error.source().map_or_else(String::new, |source| format!(": {source}"));
            writeln!(out, "{folder} could not be checked: {error}{cause}")?;
            return Ok(2);
        }
    };
    writeln!(
        out,
        "{} segments, {} groups, {} commits, {} events, head {}",
        found.segments, found.groups, found.commits, found.events, found.head
    )?;
    writeln!(out, "{}", if found.sealed { "closed" } else { "not closed: the next opening recovers" })?;
    if found.torn_bytes > 0 {
        writeln!(out, "{} bytes of a write that was cut short, which the next opening clears", found.torn_bytes)?;
    }
    if found.index_behind > 0 {
        writeln!(out, "the index lacks {} groups, which the next opening applies", found.index_behind)?;
    }
    for damage in &found.damage {
        writeln!(out, "DAMAGE {damage}")?;
    }
    Ok(u8::from(!found.damage.is_empty()))
}
