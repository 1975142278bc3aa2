//! The example does what it says.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

use std::process::Command;

#[test]
fn no_money_is_lost_or_made_on_any_of_the_ways() {
    let output = Command::new(env!("CARGO_BIN_EXE_transfer")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = [
        "Ordered (transfer/t-1)                   → Withdraw to ann",
        "Withdrawn (account/ann)                  → Deposit to bob",
        "completed",
        "ann has 750, bob has 750, together 1500",
        "Withdrawn (account/ann)                  → Deposit to bob",
        "refused: the account is closed           → give back to ann",
        "failed: account/bob refused Deposit: the account is closed",
        "ann has 750, bob has 750, together 1500",
        "timeout \"late\"                           → recall Deposit to bob",
        "refused: the saga recalled it            → give back to ann",
        "failed: account/bob refused Deposit: the saga recalled it",
        "ann has 750, bob has 750, together 1500",
    ];
    let mut rest = &text[..];
    for part in expected {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is missing or too early in\n{text}")).1;
    }
}
