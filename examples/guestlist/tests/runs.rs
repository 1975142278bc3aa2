//! The example does what it says.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

use std::process::Command;

#[test]
fn two_are_confirmed_and_the_third_is_denied() {
    let output = Command::new(env!("CARGO_BIN_EXE_guestlist")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = "Athena cannot decline any more: Athena already accepted\n\
                    Athena - Confirmed\nHades - Confirmed\nPoseidon - Denied\nZeus - Declined\n\
                    guest list: 4 invited - 3 accepted, 1 declined - 2 confirmed, 1 denied\n";
    assert_eq!(text, expected);
}
