//! Runs the cases. For a part of them: `cargo test -p ui-tests -- misuse trybuild=returns_nothing`.

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
        let text = fs::read_to_string(case.with_extension("stderr")).unwrap_or_default();
        assert!(text.starts_with("error"), "{} has no text", case.display());
        assert!(!text.contains("--> /"), "{} knows the machine that it was written on", case.display());
    }
}

fn cases() -> Vec<PathBuf> {
    let fail = Path::new(env!("CARGO_MANIFEST_DIR")).join("fail");
    let files = entries(&fail).iter().flat_map(|folder| entries(folder)).collect::<Vec<_>>();
    files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
