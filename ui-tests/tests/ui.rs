//! Runs the cases. One by one: `cargo test -p ui-tests -- --nocapture`, with `trybuild=returns_nothing` behind it for a part of them.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn misuse_is_refused_with_the_pinned_text() {
    trybuild::TestCases::new().compile_fail("fail/*/*.rs");
}

#[test]
fn accepted_forms_compile() {
    trybuild::TestCases::new().pass("pass/*.rs");
}

#[test]
fn every_rule_has_its_pinned_text() {
    let cases = cases();
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    for case in cases {
        assert!(case.with_extension("stderr").is_file(), "{} has no text", case.display());
    }
}

fn cases() -> Vec<PathBuf> {
    let fail = Path::new(env!("CARGO_MANIFEST_DIR")).join("fail");
    let folders = fs::read_dir(fail).unwrap().map(|folder| folder.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()));
    files.filter(|file| file.extension().is_some_and(|extension| extension == "rs")).collect()
}
