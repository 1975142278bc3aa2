//! The short form: some hundred folders that cuts leave. `cargo run --release -p powercut -- --images 20000` is the long one.
//! `EGO_POWERCUT_SEED` does the same work and draws the same fates again, as far as the machine lets it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use powercut::{Plan, run};

#[test]
fn what_was_acknowledged_is_there_after_every_cut_and_whole() {
    let report = run(&Plan::new(env!("CARGO_BIN_EXE_powercut").into(), 500, None)).unwrap();
    println!("{report}");
    report.verdict().unwrap();
    assert!(report.images >= 500 && report.acknowledged > 10_000, "{report}");
}
