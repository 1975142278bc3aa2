//! The short form: a hundred rounds.

use std::process::Command;

#[test]
fn what_was_acknowledged_survives_a_hundred_rounds_of_kills() {
    let status = Command::new(env!("CARGO_BIN_EXE_crash")).status().expect("the program runs");
    assert!(status.success(), "see what it printed");
}
