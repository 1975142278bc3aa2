//! Each rule has been seen to fail: the house as it is, with one file more, breaks that rule and says where.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use architecture::{File, RULES, tracked};

const FENCE: &str = "```";

/// rule, the file that breaks it, what it says
fn breaks() -> Vec<(&'static str, File, &'static str)> {
    let file = |path: &str, text: &str| File::new(path, text);
    let unsafe_block = concat!("fn f() { un", "safe { } }");
    let unsafe_attribute = concat!("#[un", "safe(no_mangle)]");
    vec![
        (
            "each_module_of_ego_uses_only_what_is_below_it",
            file("ego/src/message/x.rs", "use crate::store::Commit;"),
            "ego/src/message/x.rs uses `store`",
        ),
        (
            "each_module_of_ego_uses_only_what_is_below_it",
            file("ego/src/model/x.rs", "use crate::{\n    codec::Json,\n    engine::{Engine, start},\n};"),
            "ego/src/model/x.rs uses `engine`",
        ),
        (
            "each_module_of_ego_uses_only_what_is_below_it",
            file("ego/src/store/x.rs", "fn f(_: &ego::model::Context) {}"),
            "ego/src/store/x.rs uses `model`",
        ),
        (
            "each_module_of_ego_uses_only_what_is_below_it",
            file("ego/src/codec/x.rs", "use super::super::message::Text;"),
            "ego/src/codec/x.rs uses `message`",
        ),
        (
            "each_module_of_ego_uses_only_what_is_below_it",
            file("ego/src/clock/mod.rs", "use super::codec::Json;"),
            "ego/src/clock/mod.rs uses `codec`",
        ),
        (
            "each_module_of_ego_uses_only_what_is_below_it",
            file("ego/src/testing/x.rs", "use crate::message::Text; use crate::engine::Engine;"),
            "ego/src/testing/x.rs uses `engine`",
        ),
        (
            "crates_depend_towards_ego_only",
            file("ego/Cargo.toml", "[dependencies]\nego-sled.workspace = true"),
            "ego/Cargo.toml depends on `ego-sled`",
        ),
        (
            "crates_depend_towards_ego_only",
            file("ego/Cargo.toml", "[target.'cfg(unix)'.dependencies]\nfast = { package = \"sled\" }"),
            "ego/Cargo.toml depends on `sled`",
        ),
        (
            "crates_depend_towards_ego_only",
            file("ego-derive/Cargo.toml", "[dependencies.ego]\npath = \"../ego\""),
            "ego-derive/Cargo.toml depends on `ego`",
        ),
        (
            "crates_depend_towards_ego_only",
            file("connectors/ego-nats/Cargo.toml", "[dependencies]\nego-postgres = \"1\""),
            "connectors/ego-nats/Cargo.toml depends on `ego-postgres`",
        ),
        ("the_sled_crate_has_one_address", file("ego-sled/src/x.rs", concat!("\nuse sled", "::Db;")), "ego-sled/src/x.rs:2"),
        (
            "stores_are_dispatched_over_in_one_place",
            file("ego/src/engine/x.rs", concat!("fn f(_: &dyn ", "Store) {}")),
            "ego/src/engine/x.rs:1",
        ),
        (
            "the_wall_clock_has_one_address",
            file("ego-sled/src/x.rs", concat!("// now\nlet now = Timestamp", "::now();")),
            "ego-sled/src/x.rs:2",
        ),
        (
            "the_wall_clock_has_one_address",
            file("ego/src/engine/x.rs", concat!("std::time::SystemTime", "::now()")),
            "ego/src/engine/x.rs:1",
        ),
        ("each_macro_has_the_four_passes", file("ego-derive/src/saga/mod.rs", ""), "`saga` has no `attr`"),
        ("no_code_is_unsafe", file("tests/x.rs", unsafe_block), "tests/x.rs:1"),
        ("no_code_is_unsafe", file("ego/src/x.rs", unsafe_attribute), "ego/src/x.rs:1"),
        ("every_example_in_the_docs_runs", file("ego/src/x.rs", &format!("/// {FENCE}rust,no_run")), "ego/src/x.rs:1"),
        ("every_example_in_the_docs_runs", file("README.md", &format!("\n{FENCE}ignore")), "README.md:2"),
        (
            "an_example_that_starts_an_engine_stands_alone",
            file("ego/src/x.rs", &format!("\n/// {FENCE}\n/// Engine::builder().start().await;\n/// {FENCE}")),
            "ego/src/x.rs:2",
        ),
        (
            "no_matches_goes_unused",
            file("tests/x.rs", concat!("fn f() {\n    matches", "!(\n        a(1),\n        Some(_)\n    );\n}")),
            "tests/x.rs: matches!(",
        ),
        ("no_path_of_a_machine_is_kept", file("docs/x.md", &format!("see {}", ["", "home", "ann"].join("/"))), "docs/x.md:1"),
        ("no_path_of_a_machine_is_kept", file("x.toml", &format!("path = \"{}", ["", "work", "x"].join("/"))), "x.toml:1"),
        ("every_misuse_has_a_pinned_message", file("ui-tests/fail/event/x.rs", ""), "ui-tests/fail/event/x.rs has no `.stderr`"),
        ("a_source_file_is_one_idea", file("ego/src/x.rs", &"\n".repeat(501)), "ego/src/x.rs has 501 lines"),
    ]
}

#[test]
fn each_rule_says_what_breaks_it() {
    let house = tracked();
    for (name, file, said) in breaks() {
        let (_, rule) = RULES.iter().find(|(rule, _)| *rule == name).unwrap();
        let mut files: Vec<_> = house.iter().filter(|other| other.path != file.path).cloned().collect();
        files.push(file);
        let broken = rule(&files);
        assert!(broken.iter().any(|line| line == said), "{name} does not say {said:?}: {broken:?}");
    }
}

#[test]
fn no_rule_is_left_out() {
    let tried: Vec<_> = breaks().into_iter().map(|(name, ..)| name).collect();
    assert!(RULES.iter().all(|(name, _)| tried.contains(name)));
}

#[test]
fn what_only_looks_like_it_breaks_nothing() {
    let harmless = concat!(
        "use crate::message::{StreamId, engine_name};\n",
        "// un",
        "safe { } and sled",
        "::Db are only talked about\n",
        "#![forbid(un",
        "safe_code)]\n",
        "assert!(matches",
        "!(a, B));\n",
        "let is = matches",
        "!(a, B);\n",
        "use ego_sled::SledStore;\n",
    );
    let mut files = tracked();
    files.push(File::new("ego/src/store/harmless.rs", harmless));
    for (name, rule) in RULES {
        let broken = rule(&files);
        assert!(!broken.iter().any(|line| line.contains("harmless")), "{name}: {broken:?}");
    }
}
