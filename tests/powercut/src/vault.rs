//! The domain of the harness: a vault that things are put into.

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// The registered name of [`Vault`].
pub(crate) const VAULT: &str = "vault";
/// The kind of streams that keep a state, which no engine reads.
pub(crate) const SAFE: &str = "safe";

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum VaultEvent {
    Added { by: u64, note: String },
}

/// Adds several times at once.
#[derive(Command, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Add {
    pub(crate) by: u64,
    pub(crate) times: u64,
    pub(crate) note: String,
}

/// Asks what is there; records nothing but its own id and reply.
#[derive(Command, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Look;

#[derive(Aggregate, Clone, Debug, Default, PartialEq)]
#[aggregate(name = "vault", event = VaultEvent)]
pub(crate) struct Vault {
    pub(crate) total: u64,
    pub(crate) events: u64,
}

#[ego::handlers]
impl Vault {
    #[handle]
    fn add(&self, cmd: Add) -> Result<Decision<VaultEvent, u64>, Infallible> {
        let event = VaultEvent::Added { by: cmd.by, note: cmd.note };
        Ok(emit(vec![event; usize::try_from(cmd.times).unwrap_or_default()]).reply(self.total + cmd.by * cmd.times))
    }
    #[handle]
    fn look(&self, _: Look) -> Result<Decision<VaultEvent, u64>, Infallible> {
        Ok(Decision::nothing().reply(self.total))
    }
    #[apply]
    fn apply(&mut self, event: &VaultEvent) {
        let VaultEvent::Added { by, .. } = event;
        self.total += by;
        self.events += 1;
    }
}

/// A text of this length, unlike that of any other command.
pub(crate) fn note(id: &str, len: usize) -> String {
    format!("<{id}>").chars().cycle().take(len).collect()
}
