//! The example does what it says.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

use std::process::Command;

#[test]
fn old_events_are_read_as_what_they_mean_today() {
    let output = Command::new(env!("CARGO_BIN_EXE_schema-change")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = [
        "Weighed { grams: 250, by: \"\" }",
        "nothing any more",
        "Addressed { street: \"7 Elm Street\", city: \"Springfield\" }",
        "HandedOver { carrier: \"the mail\" }",
        "Parcel { city: \"Shelbyville\", left: true, grams: 260 }",
        "3.0 Addressed",
        "3.1 HandedOver",
        "6.0 Weighed",
        "Weighed v1 {\"grams\":250}",
    ];
    let mut rest = &text[..];
    for part in expected {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is missing or too early in\n{text}")).1;
    }
}
