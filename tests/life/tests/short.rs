//! The short form: each scenario through twenty-five kills.

use std::process::Command;

#[allow(clippy::expect_used, reason = "a test says so by failing")]
fn lives_through_twenty_five_kills(scenario: &str) {
    let status = Command::new(env!("CARGO_BIN_EXE_life")).arg(scenario).status().expect("the program runs");
    assert!(status.success(), "see what it printed");
}

#[test]
fn ledger() {
    lives_through_twenty_five_kills("ledger");
}

#[test]
fn maintenance() {
    lives_through_twenty_five_kills("maintenance");
}

#[test]
fn shelves() {
    lives_through_twenty_five_kills("shelves");
}

#[test]
fn sagas() {
    lives_through_twenty_five_kills("sagas");
}

#[test]
fn vaults() {
    lives_through_twenty_five_kills("vaults");
}

#[test]
fn timers() {
    lives_through_twenty_five_kills("timers");
}
