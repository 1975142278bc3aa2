//! The table in the docs of `ego::telemetry` is whole: what the sources name stands there, and nothing else does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Every text between two marks that begins like this.
fn named(text: &str, mark: char, beginning: &str) -> BTreeSet<String> {
    let is_name = |part: &&str| {
        part.starts_with(beginning)
            && part.len() > beginning.len()
            && part.chars().all(|letter| letter.is_ascii_lowercase() || matches!(letter, '_' | '.'))
    };
    text.split(mark).filter(is_name).map(str::to_owned).collect()
}

#[test]
fn every_metric_and_span_stands_in_the_table_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let docs = root.join("telemetry/mod.rs");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let code: String = files.iter().filter(|file| **file != docs).map(|file| fs::read_to_string(file).unwrap()).collect();
    let table = fs::read_to_string(docs).unwrap();
    let ends = ["_total", "_seconds", "_size", "_aggregates", "_depth", "_events"];
    // Spans have one address, but for the one that a program adds itself.
    for file in files.iter().filter(|file| !file.ends_with("telemetry/spans.rs") && !file.ends_with("layer/trace.rs")) {
        assert!(!fs::read_to_string(file).unwrap().contains("_span!("), "{} makes spans", file.display());
    }
    let spans = fs::read_to_string(root.join("telemetry/spans.rs")).unwrap();
    for (code, beginning, ends) in [(&code, "ego_", &ends[..]), (&spans, "ego.", &[""])] {
        let is_whole = |name: &String| ends.iter().any(|end| name.ends_with(end));
        let (mut used, documented) = (named(code, '"', beginning), named(&table, '`', beginning));
        used.retain(is_whole);
        assert!(documented.iter().all(is_whole), "a metric whose name ends otherwise: {documented:?}");
        assert!(used.len() >= 6, "{used:?}");
        let (missing, gone): (Vec<_>, Vec<_>) = (used.difference(&documented).collect(), documented.difference(&used).collect());
        assert!(missing.is_empty() && gone.is_empty(), "not in the table: {missing:?}; only in the table: {gone:?}");
    }
}
