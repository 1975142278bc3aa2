//! The example does what it says.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

use std::process::Command;

const EXPECTED: &str = r#"  screen: ann is now {"checked_out":false,"items":{"tea":2}}
ann has 3 items; her cart was saved 2 times
  screen: ann is now {"checked_out":false,"items":{"milk":1,"tea":2}}
  screen: ann is now {"checked_out":false,"items":{"tea":2}}
refused: there is no salt in the cart
  screen: ann is now {"checked_out":true,"items":{"tea":2}}
  screen: bob is now {"checked_out":false,"items":{"tea":1}}
an hour later, after a restart
  screen: bob is now {"checked_out":false,"items":{}}
ann: {"tea": 2}, checked out: true
bob: {}, checked out: false
"#;

#[test]
fn carts_are_kept_followed_and_expire() {
    let output = Command::new(env!("CARGO_BIN_EXE_cart")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), EXPECTED);
}
