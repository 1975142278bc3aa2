//! All scenarios. A new one: a file with a `pub(crate) const SCENARIO`, a line here, a test in `tests/short.rs`.

mod ledger;
mod maintenance;
mod sagas;
mod shelves;
mod timers;
mod vaults;

use crate::outcome::Outcome;
use crate::scene::Scenario;

const ALL: &[Scenario] =
    &[ledger::SCENARIO, maintenance::SCENARIO, sagas::SCENARIO, shelves::SCENARIO, timers::SCENARIO, vaults::SCENARIO];

pub(crate) fn named(name: &str) -> Outcome<&'static Scenario> {
    let known = || ALL.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
    Ok(ALL
        .iter()
        .find(|scenario| scenario.name == name)
        .ok_or_else(|| format!("no scenario {name:?}; there are: {}", known()))?)
}
