//! The short form: sixty cases.

use std::process::Command;

#[test]
fn views_are_what_the_log_says_in_sixty_cases_of_kills() {
    let status = Command::new(env!("CARGO_BIN_EXE_projections")).status().expect("the program runs");
    assert!(status.success(), "see what it printed");
}
