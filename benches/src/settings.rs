//! How a program was started.

use crate::Result;
use std::path::PathBuf;
use std::time::Duration;

/// What the command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Only shows that the program runs: its figures mean nothing.
    pub quick: bool,
    /// Where the report is written to, as JSON.
    pub json: Option<PathBuf>,
    rounds: Option<usize>,
}

impl Settings {
    /// Reads `--quick`, `--json FILE` and `--rounds N`; cargo's own `--bench` is ignored.
    ///
    /// # Errors
    /// An argument that is none of these.
    pub fn from_args() -> Result<Self> {
        Self::parse(std::env::args().skip(1))
    }

    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut settings = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--bench" => {}
                "--quick" => settings.quick = true,
                "--json" => settings.json = Some(arguments.next().ok_or("--json takes a file")?.into()),
                "--rounds" => settings.rounds = Some(arguments.next().ok_or("--rounds takes a number")?.parse()?),
                other => return Err(format!("{other}: unknown; there are --quick, --json FILE and --rounds N").into()),
            }
        }
        Ok(settings)
    }

    /// How often everything is run: so many times unless told otherwise, once when quick.
    #[must_use]
    pub fn rounds(&self, usual: usize) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { usual }).max(1)
    }

    /// How long one run takes: so many milliseconds, a tenth of it when quick.
    #[must_use]
    pub fn time(&self, milliseconds: u64) -> Duration {
        Duration::from_millis(if self.quick { milliseconds / 10 } else { milliseconds })
    }

    /// How many there are of something: a tenth of it when quick.
    #[must_use]
    pub fn count(&self, usual: usize) -> usize {
        if self.quick { (usual / 10).max(1) } else { usual }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Settings> {
        Settings::parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn the_command_line_is_read() {
        let settings = parse(&["--quick", "--json", "a.json", "--rounds", "7", "--bench"]).unwrap();
        assert!(settings.quick);
        assert_eq!(settings.json, Some("a.json".into()));
        assert_eq!((settings.rounds(5), settings.count(1000)), (7, 100));
        assert_eq!(parse(&[]).unwrap().rounds(5), 5);
    }

    #[test]
    fn what_is_unknown_is_refused() {
        assert!(parse(&["--fast"]).is_err());
        assert!(parse(&["--json"]).is_err());
    }
}
