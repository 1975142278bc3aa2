//! Runs the program. The only file here that starts it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

pub(crate) fn bank() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bank"))
}

/// A folder for one test: ledgers, and a store.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.0.path().join("store")
    }

    pub(crate) fn ledger(&self, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join("ledger.asc");
        fs::write(&path, bytes).unwrap();
        path
    }

    /// `bank ACTION… --store …`
    pub(crate) fn on_store(&self, arguments: &[&str]) -> Output {
        bank().args(arguments).arg("--store").arg(self.store()).output().unwrap()
    }

    pub(crate) fn import(&self, ledger: &Path, clients: u16) -> Output {
        self.importing(ledger, clients).wait_with_output().unwrap()
    }

    pub(crate) fn importing(&self, ledger: &Path, clients: u16) -> Child {
        let mut import = bank();
        import.arg("import").arg(ledger).arg("--store").arg(self.store()).args(["--clients", &clients.to_string()]);
        import.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) fn balances(&self) -> String {
        let output = self.on_store(&["balances"]);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        stdout(&output)
    }
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A count of the line that an import ends with: the only line on its standard output.
pub(crate) fn count(output: &Output, name: &str) -> u64 {
    let text = stdout(output);
    assert_eq!(text.lines().count(), 1, "{output:?}");
    let mut counts = text.split_whitespace().filter_map(|count| count.split_once('='));
    counts.find(|(found, _)| *found == name).unwrap().1.parse().unwrap()
}
