//! The example does what it says.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

use std::process::Command;

#[test]
fn the_views_are_rebuilt_while_commands_go_on() {
    let output = Command::new(env!("CARGO_BIN_EXE_rebuild")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = [
        "Elm       496 readings",
        "4 views, same as before: true, read now: true",
        "same as the log says: false, so nothing was changed: true",
        "a rebuild mends it: 4 views, read now: true",
        "the next check finds nothing: same as the log says: true",
        "more readings meanwhile",
        "Elm       496 readings",
    ];
    let mut rest = &text[..];
    for part in expected {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is missing or too early in\n{text}")).1;
    }
}
