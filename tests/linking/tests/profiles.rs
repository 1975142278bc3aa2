//! Every registration of every crate that is linked arrives, in each profile; of one that is not, none does, and `require` says so.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const LINKED: &str = r#"account: Deposit
order: Place, cancel
wallet.usd: Deposit
account/Deposit replies 500
  1 Deposited {"cents":500}
wallet.usd/Deposit replies null
  1 Deposited {"cents":7}
wallet.eur/Deposit: no aggregate is named "wallet.eur"; there are: account, order, wallet.usd
order/Place replies null
  1 Placed {"item":"tea"}
order/cancel replies null
  1 Placed {"item":"tea"}
  2 Cancelled {}
order/cancel: nothing was ordered
  1 Placed {"item":"tea"}
  2 Cancelled {}
invoice/Send: no aggregate is named "invoice"; there are: account, order, wallet.usd
the engine cannot start:
- `accounts::Wallet<accounts::Eur>` is required, but not registered: link its crate (`use the_crate as _;`), or write `ego::register!(…)`
"#;

/// The profile of the test itself: the program is built already.
#[test]
fn everything_that_is_linked_is_found() {
    prints(&run(&mut Command::new(env!("CARGO_BIN_EXE_linking"))), LINKED);
}

#[test]
fn everything_that_is_linked_is_found_in_release() {
    prints(&cargo_run("release"), LINKED);
}

/// The linker sees all of the program at once, drops what nobody calls, and strips the names: registrations survive.
#[test]
fn everything_that_is_linked_is_found_with_fat_lto() {
    prints(&cargo_run("lto"), LINKED);
}

/// `require` names a type, and with it its crate: that alone links it.
#[test]
fn a_crate_that_is_named_anywhere_is_linked() {
    let output = run(&mut Command::new(env!("CARGO_BIN_EXE_named")));
    let expected = "invoice: Send\nwallet.eur: Deposit\n";
    let text = text(&output);
    let kinds: String = text.lines().take_while(|line| !line.contains('/')).flat_map(|line| [line, "\n"]).collect();
    assert_eq!(kinds, ["account: Deposit\n", expected, "wallet.usd: Deposit\n"].concat(), "{text}");
    assert!(text.contains("invoice/Send replies null\n  1 Sent {}\n"), "{text}");
}

/// Nothing but the program and what it needs is built. Offline: what the test was built from is enough.
fn cargo_run(profile: &str) -> Output {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--offline", "--bin", "linking", "--profile", profile, "--target-dir"]);
    command.arg(target_folder()).current_dir(env!("CARGO_MANIFEST_DIR"));
    run(&mut command)
}

/// Where the test's own program is: two folders up, past the one of the profile.
fn target_folder() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_linking")).ancestors().nth(2).unwrap().to_owned()
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn prints(output: &Output, expected: &str) {
    assert_eq!(text(output), expected);
}
