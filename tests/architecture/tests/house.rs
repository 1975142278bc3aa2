//! The rules of the house hold. A test is named for its rule.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use architecture::{RULES, tracked};

fn hold(name: &str) {
    let (_, rule) = RULES.iter().find(|(rule, _)| *rule == name).unwrap();
    let files = tracked();
    assert!(files.len() > 60, "only {} files were found", files.len());
    let broken = rule(&files);
    assert!(broken.is_empty(), "{name}:\n{}", broken.join("\n"));
}

macro_rules! rules {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                hold(stringify!($name));
            }
        )*

        #[test]
        fn every_rule_is_held() {
            assert_eq!(RULES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), [$(stringify!($name)),*]);
        }
    };
}
rules! {
    each_module_of_ego_uses_only_what_is_below_it
    crates_depend_towards_ego_only
    the_sled_crate_has_one_address
    stores_are_dispatched_over_in_one_place
    the_wall_clock_has_one_address
    each_macro_has_the_four_passes
    no_code_is_unsafe
    every_example_in_the_docs_runs
    an_example_that_starts_an_engine_stands_alone
    no_matches_goes_unused
    no_path_of_a_machine_is_kept
    every_misuse_has_a_pinned_message
    a_source_file_is_one_idea
}
