//! The rules of the house, each a function from its files to what breaks it. Why they are as they are stands in `ARCHITECTURE.md`.

use crate::{File, dependencies};
use std::collections::BTreeSet;

/// A rule: what in these files breaks it.
pub type Rule = fn(&[File]) -> Vec<String>;

/// Every rule, by its name.
pub const RULES: &[(&str, Rule)] = &[
    ("each_module_of_ego_uses_only_what_is_below_it", arrows_of_ego),
    ("crates_depend_towards_ego_only", arrows_of_crates),
    ("the_sled_crate_has_one_address", sled_has_one_address),
    ("stores_are_dispatched_over_in_one_place", dyn_store_has_one_address),
    ("the_wall_clock_has_one_address", clock_has_one_address),
    ("each_macro_has_the_four_passes", four_passes),
    ("no_code_is_unsafe", no_unsafe),
    ("every_example_in_the_docs_runs", doc_examples_run),
    ("an_example_that_starts_an_engine_stands_alone", engines_stand_alone),
    ("no_matches_goes_unused", no_bare_matches),
    ("no_path_of_a_machine_is_kept", no_machine_paths),
    ("every_misuse_has_a_pinned_message", ui_cases),
    ("a_source_file_is_one_idea", short_files),
];

/// module → what it may use. The modules above them use what they like.
const BELOW: &[(&str, &[&str])] = &[
    ("message", &[]),
    ("codec", &[]),
    ("clock", &["message"]),
    ("model", &["message", "codec"]),
    ("store", &["message"]),
    ("testing", &["message", "codec", "model", "store"]),
];

fn arrows_of_ego(files: &[File]) -> Vec<String> {
    let mut broken = Vec::new();
    for (module, below) in BELOW {
        let (folder, alone) = (format!("ego/src/{module}/"), format!("ego/src/{module}.rs"));
        let of_module: Vec<_> = files.iter().filter(|file| file.is_rust_in(&folder) || file.path == alone).collect();
        if of_module.is_empty() {
            broken.push(format!("there is no module `{module}`"));
        }
        for file in of_module {
            let mut used: BTreeSet<String> = file.modules("crate");
            used.extend(file.modules("ego"));
            // `super` leaves the module from its root, `super::super` from a file in it.
            let is_root = file.path == alone || file.path.ends_with("/mod.rs");
            used.extend(file.modules(if is_root { "super" } else { "super::super" }));
            let allowed = |used: &String| used == module || below.contains(&used.as_str()) || !is_module(files, used);
            broken.extend(used.iter().filter(|used| !allowed(used)).map(|used| format!("{} uses `{used}`", file.path)));
        }
    }
    broken
}

fn is_module(files: &[File], name: &str) -> bool {
    let (folder, alone) = (format!("ego/src/{name}/"), format!("ego/src/{name}.rs"));
    files.iter().any(|file| file.path == alone || file.path.starts_with(&folder))
}

fn arrows_of_crates(files: &[File]) -> Vec<String> {
    let ours = |allowed: &'static [&'static str]| {
        move |name: &String| {
            (name == "sled" || name.starts_with("ego") || name.starts_with("connector")) && !allowed.contains(&name.as_str())
        }
    };
    let mut broken = Vec::new();
    for file in files {
        let allowed: &[&str] = match file.path.as_str() {
            "ego-derive/Cargo.toml" => &[],
            "ego/Cargo.toml" => &["ego-derive"],
            "ego-sled/Cargo.toml" => &["ego", "sled"],
            path if path.starts_with("connectors/") && path.ends_with("/Cargo.toml") => &["ego"],
            _ => continue,
        };
        let forbidden = dependencies(&file.text).into_iter().filter(ours(allowed));
        broken.extend(forbidden.map(|name| format!("{} depends on `{name}`", file.path)));
    }
    broken
}

fn sled_has_one_address(files: &[File]) -> Vec<String> {
    let elsewhere = files.iter().filter(|file| file.path != "ego-sled/src/engine.rs");
    lines(elsewhere.filter(|file| file.is_rust_in("")), |line| {
        names(line, concat!("sled", "::")) || line.contains(concat!("extern crate ", "sled"))
    })
}

fn dyn_store_has_one_address(files: &[File]) -> Vec<String> {
    let elsewhere = sources(files).filter(|file| file.path != "ego/src/store/any.rs");
    lines(elsewhere, |line| names(line, concat!("dyn ", "Store")) && !line.contains(concat!("dyn ", "StoreE")))
}

fn clock_has_one_address(files: &[File]) -> Vec<String> {
    let elsewhere = sources(files).filter(|file| file.path != "ego/src/clock.rs");
    let clocks =
        [concat!("Timestamp", "::now"), concat!("SystemTime", "::now"), concat!("Zoned", "::now"), concat!("Utc", "::now")];
    lines(elsewhere, |line| clocks.iter().any(|clock| line.contains(clock)))
}

fn four_passes(files: &[File]) -> Vec<String> {
    let folders = files.iter().filter_map(|file| file.path.strip_prefix("ego-derive/src/")?.strip_suffix("/mod.rs"));
    let macros: Vec<_> = folders.filter(|folder| !folder.contains('/')).collect();
    let has = |folder: &str, pass: &str| files.iter().any(|file| file.path == format!("ego-derive/src/{folder}/{pass}.rs"));
    let mut broken: Vec<_> = ["attr", "model", "check", "expand"]
        .iter()
        .flat_map(|pass| {
            macros.iter().filter(|folder| !has(folder, pass)).map(move |folder| format!("`{folder}` has no `{pass}`"))
        })
        .collect();
    if macros.len() < 4 {
        broken.push(format!("there are macros without a folder: only {macros:?} have one"));
    }
    broken
}

fn no_unsafe(files: &[File]) -> Vec<String> {
    // What the compiler says to misuse is shown with misuse.
    let ours = files.iter().filter(|file| file.is_rust_in("") && !file.path.starts_with("ui-tests/"));
    lines(ours, |line| {
        let words: Vec<_> = line.split(|letter: char| !(letter.is_alphanumeric() || "_{(".contains(letter))).collect();
        let pairs = words
            .windows(2)
            .any(|pair| pair[0] == concat!("un", "safe") && ["{", "fn", "impl", "extern", "trait"].contains(&pair[1]));
        pairs || words.iter().any(|word| word.starts_with(concat!("un", "safe(")) || word.starts_with(concat!("un", "safe{")))
    })
}

fn doc_examples_run(files: &[File]) -> Vec<String> {
    let fence = "`".repeat(3);
    let skips = |line: &str| {
        let info = line.trim_start_matches(['/', '!', ' ']).strip_prefix(&fence);
        info.is_some_and(|info| info.split(',').any(|word| matches!(word.trim(), "ignore" | "no_run")))
    };
    let with_docs = files.iter().filter(|file| file.is_rust_in("") || file.path.ends_with(".md"));
    with_docs
        .flat_map(|file| numbered(file, file.text.lines().enumerate().filter(|(_, line)| skips(line)).map(|(at, _)| at + 1)))
        .collect()
}

/// Examples share one program, and with it their registrations, unless they say `standalone_crate`.
fn engines_stand_alone(files: &[File]) -> Vec<String> {
    let fence = "`".repeat(3);
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| file.is_rust_in("") && file.path.contains("/src/")) {
        let mut open: Option<(usize, bool)> = None;
        for (at, line) in file.text.lines().enumerate() {
            let Some(doc) = line.trim_start().strip_prefix("///").or_else(|| line.trim_start().strip_prefix("//!")) else {
                open = None;
                continue;
            };
            if let Some(info) = doc.trim_start().strip_prefix(&fence) {
                open = if open.is_none() {
                    Some((at + 1, info.contains("standalone_crate") || info.contains("text")))
                } else {
                    None
                };
            } else if let Some((begin, false)) = open
                && doc.contains(".start()")
            {
                broken.push(format!("{}:{begin}", file.path));
            }
        }
    }
    broken
}

/// A `matches!` that stands alone as a statement asserts nothing.
fn no_bare_matches(files: &[File]) -> Vec<String> {
    let call = concat!("matches", "!(");
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| file.is_rust_in("")) {
        let code: String = file.code().flat_map(|(_, line)| [line, "\n"]).collect();
        for (at, _) in code.match_indices(call) {
            let is_statement = code[..at].trim_end().ends_with([';', '{', '}']);
            let behind = closed(&code[at + call.len()..]).trim_start();
            if is_statement && behind.starts_with(';') {
                broken.push(format!("{}: {}", file.path, code[at..].lines().next().unwrap_or_default()));
            }
        }
    }
    broken
}

/// What comes behind the parenthesis that was opened before.
fn closed(code: &str) -> &str {
    let mut depth = 1;
    for (at, letter) in code.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &code[at + 1..];
        }
    }
    ""
}

fn no_machine_paths(files: &[File]) -> Vec<String> {
    let roots = ["work", "root", "home", "Users"].map(|root| format!("/{root}/"));
    let starts_there = |line: &str| {
        let mut found = roots.iter().flat_map(|root| line.match_indices(root.as_str()));
        found.any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric() || "_-.$}".contains(before)))
    };
    files
        .iter()
        .flat_map(|file| {
            numbered(file, file.text.lines().enumerate().filter(|(_, line)| starts_there(line)).map(|(at, _)| at + 1))
        })
        .collect()
}

fn ui_cases(files: &[File]) -> Vec<String> {
    let in_fail: Vec<_> = files.iter().filter(|file| file.path.starts_with("ui-tests/fail/")).collect();
    if in_fail.is_empty() {
        return Vec::new();
    }
    let cases: Vec<_> = in_fail.iter().filter(|file| file.is_rust_in("")).collect();
    let pinned = |case: &File| {
        in_fail
            .iter()
            .any(|file| Some(file.path.as_str()) == case.path.strip_suffix("rs").map(|path| format!("{path}stderr")).as_deref())
    };
    let mut broken: Vec<_> =
        cases.iter().filter(|case| !pinned(case)).map(|case| format!("{} has no `.stderr`", case.path)).collect();
    if cases.len() < 55 {
        broken.push(format!("there are {} cases, there were 55", cases.len()));
    }
    broken
}

fn short_files(files: &[File]) -> Vec<String> {
    let long = sources(files).map(|file| (file, file.text.lines().count())).filter(|(_, lines)| *lines > 500);
    long.map(|(file, lines)| format!("{} has {lines} lines", file.path)).collect()
}

/// What a crate is built from, without its tests.
fn sources(files: &[File]) -> impl Iterator<Item = &File> {
    files.iter().filter(|file| file.is_rust_in("") && (file.path.contains("/src/") || file.path.starts_with("src/")))
}

fn lines<'f>(files: impl Iterator<Item = &'f File>, is_broken: impl Fn(&str) -> bool) -> Vec<String> {
    files.flat_map(|file| numbered(file, file.code().filter(|(_, line)| is_broken(line)).map(|(number, _)| number))).collect()
}

fn numbered(file: &File, numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|number| format!("{}:{number}", file.path)).collect()
}

/// Whether the word begins there, and not in the middle of another.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
}
