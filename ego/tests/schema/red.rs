//! One fixture for each rule of the lock: what was released, what the program is now, and what is said. `EGO_LOCK_FIXTURES=overwrite`
//! writes what is said; read it before you commit it: does it say what to write?

mod changes;
mod names;
mod versions;

use ego::schema::{Change, Lock, LockError, Problem, Schema};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A rule that is broken: the name of its text, what was released, what is now.
pub(super) struct Red(pub(super) &'static str, pub(super) Schema, pub(super) Schema);

fn all() -> Vec<Red> {
    [names::all(), versions::all(), changes::all()].into_iter().flatten().collect()
}

fn text_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema/red").join(name).with_extension("txt")
}

/// What the lock says, with the place of the file left out; the file is never touched.
pub(super) fn said(released: Schema, now: Schema, retired: &[&str]) -> Result<(), LockError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ego.lock.json");
    Lock::at(&path).of(released).write(true).check().unwrap();
    let before = std::fs::read(&path).unwrap();
    let lock = || retired.iter().fold(Lock::at(&path), |lock, name| lock.retired(*name));
    let said = lock().of(now.clone()).write(false).check();
    assert_eq!(std::fs::read(&path).unwrap(), before, "what was released was changed");
    if matches!(said, Err(LockError::Broken { .. })) {
        assert_eq!(lock().of(now).write(true).check(), said, "it says another thing when it is to write");
        assert_eq!(std::fs::read(&path).unwrap(), before, "what was released was overwritten");
    }
    let here = |_: PathBuf| PathBuf::from("ego.lock.json");
    said.map_err(|error| match error {
        LockError::Broken { path, problems } => LockError::Broken { path: here(path), problems },
        LockError::New { path, news } => LockError::New { path: here(path), news },
        other => other,
    })
}

#[test]
fn each_rule_says_what_is_wrong_and_what_to_write() {
    let overwrite = std::env::var_os("EGO_LOCK_FIXTURES").is_some_and(|wanted| wanted == "overwrite");
    let mut wrong = Vec::new();
    for Red(name, released, now) in all() {
        let error = said(released, now, &[]).expect_err(name);
        assert!(matches!(error, LockError::Broken { .. }), "{name}: {error}");
        let said = format!("{error}\n");
        if overwrite {
            std::fs::write(text_of(name), said).unwrap();
        } else if std::fs::read_to_string(text_of(name)).unwrap_or_default() != said {
            wrong.push(format!("{name}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_problem_and_every_change_has_a_fixture_and_every_text_is_of_one() {
    let (mut problems, mut changes) = (BTreeSet::new(), BTreeSet::new());
    for Red(name, released, now) in all() {
        let Err(LockError::Broken { problems: found, .. }) = said(released, now, &[]) else { panic!("{name}") };
        assert_eq!(found.len(), 1, "{name}: a fixture breaks one rule: {found:?}");
        problems.extend(found.iter().map(kind));
        changes.extend(found.iter().flat_map(broken).map(first_word));
    }
    let all_problems = [
        "AliasGone",
        "DerivedChanged",
        "KindGone",
        "NameGone",
        "NotRead",
        "ShapeChanged",
        "UpcasterTakesAnother",
        "VersionBack",
        "VersionSkipped",
    ];
    assert!(problems.iter().map(String::as_str).eq(all_problems), "{problems:?}");
    let all_changes = ["DefaultGone", "FieldGone", "FieldRequired", "NameGone", "Refused", "Type", "VariantGone"];
    assert!(changes.iter().map(String::as_str).eq(all_changes), "{changes:?}");
    let names: BTreeSet<PathBuf> = all().iter().map(|Red(name, ..)| text_of(name)).collect();
    assert_eq!(names.len(), all().len(), "two fixtures have one name");
    let texts: BTreeSet<PathBuf> = std::fs::read_dir(text_of("x").parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    assert_eq!(texts, names);
    assert_eq!(texts.len(), 35);
}

fn kind(problem: &Problem) -> String {
    first_word(problem)
}

fn first_word(of: &impl std::fmt::Debug) -> String {
    format!("{of:?}").split([' ', '{']).next().unwrap().to_owned()
}

fn broken(problem: &Problem) -> Vec<&Change> {
    match problem {
        Problem::ShapeChanged { changes, .. }
        | Problem::UpcasterTakesAnother { changes, .. }
        | Problem::DerivedChanged { changes, .. } => changes.iter().collect(),
        _ => Vec::new(),
    }
}
