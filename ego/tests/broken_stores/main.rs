//! The rules see broken stores: each fault is caught by a rule at least, and each rule was seen to fail.

#![allow(clippy::unwrap_used, reason = "a broken test may panic")]

mod append;
mod copying;
mod faults;
mod keep;
mod read;
mod rows;
mod states;
mod store;

use ego::testing::{Bench, RULES};
use faults::Fault;
use std::collections::BTreeMap;
use std::time::Duration;
use store::Broken;

ego::testing::event_store_rules!(sound: |folder| Broken::open(None, folder));

/// The rules that go red for a fault.
fn caught_by(fault: Fault) -> Vec<&'static str> {
    let bench = || Bench::persistent(move |folder| async move { Ok(Broken::open(Some(fault), &folder)) });
    let red = |rule: &&ego::testing::Rule| rule.check(bench(), Duration::from_secs(2)).is_err();
    RULES.iter().filter(red).map(|rule| rule.name).collect()
}

#[test]
fn every_fault_is_caught_and_every_rule_was_seen_to_fail() {
    let faults = std::sync::Mutex::new(Fault::ALL.iter().copied());
    let seen = std::sync::Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let Some(fault) = { faults.lock().unwrap().next() } {
                    let red = caught_by(fault);
                    seen.lock().unwrap().insert(format!("{fault:?}"), red);
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    for (fault, red) in &seen {
        println!("{fault}: {}", red.join(", "));
    }
    let missed: Vec<_> = seen.iter().filter(|(_, red)| red.is_empty()).map(|(fault, _)| fault).collect();
    let never: Vec<_> = RULES.iter().map(|rule| rule.name).filter(|rule| !seen.values().any(|red| red.contains(rule))).collect();
    assert!(missed.is_empty() && never.is_empty(), "faults that no rule sees: {missed:#?}; rules never seen to fail: {never:#?}");
}
