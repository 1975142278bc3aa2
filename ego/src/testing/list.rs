//! The names of all rules, once, and what is made from them: [`RULES`] and the tests of a store.

use super::bench::Rule;

/// Every rule by topic: those for all stores, then those for stores that can be opened again. Hands the list to the macro that is
/// named first, with what was given for it.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_store_rule {
    ([$($then:tt)*] $($given:tt)*) => {
        $($then)*! {
            [$($given)*]
            every {
                append {
                    revisions_start_at_one_and_have_no_gap
                    interleaved_streams_count_each_for_itself
                    positions_grow_in_the_order_of_the_commits
                    the_answer_says_what_was_recorded
                    what_was_answered_is_seen_everywhere
                    the_stream_and_the_log_show_the_same_events
                    a_stream_head_says_where_the_stream_stands
                    a_commit_of_nothing_keeps_its_reply_and_moves_nothing
                    commits_of_nothing_alone_give_a_stream_no_revision
                    a_refused_commit_leaves_no_trace_of_a_new_stream
                    a_refused_commit_leaves_no_trace_in_an_existing_stream
                    a_long_commit_stays_together
                    event_types_are_listed_once_and_in_order
                    a_fresh_store_is_empty
                    a_store_knows_whether_it_is_persistent
                }
                conflict {
                    any_is_taken_whatever_is_there
                    no_stream_is_taken_only_where_nothing_is
                    exists_is_taken_only_where_something_is
                    an_exact_revision_is_taken_when_it_is_the_last
                    a_stale_writer_is_refused
                    a_writer_from_the_future_is_refused
                    an_exact_revision_of_no_stream_is_refused
                    a_commit_of_nothing_may_conflict
                    a_commit_of_nothing_makes_no_stream_exist
                    a_refused_writer_may_try_again
                }
                content {
                    every_byte_of_a_payload_survives
                    every_byte_of_a_reply_survives
                    a_large_payload_survives
                    metadata_survives_whole
                    tags_survive_in_their_order
                    names_versions_and_codecs_survive
                    odd_stream_ids_name_streams_of_their_own
                    the_longest_kind_works
                    odd_command_ids_are_told_apart
                    the_largest_commit_is_taken_and_one_byte_more_refused
                    the_size_of_a_commit_counts_as_a_whole
                }
                command_ids {
                    a_repeated_command_gets_the_first_answer
                    a_repeated_command_writes_nothing
                    a_repeated_command_is_recognised_whatever_it_expects
                    only_the_id_makes_a_repeat
                    a_command_id_belongs_to_its_stream
                    a_refused_command_may_be_sent_again
                    a_command_that_recorded_nothing_is_remembered
                    a_command_is_remembered_behind_many_others
                    a_command_can_be_looked_for
                }
                batches {
                    every_commit_has_its_verdict_in_order
                    an_empty_batch_does_nothing
                    positions_follow_the_order_of_the_batch
                    streams_of_a_batch_are_independent
                    a_commit_may_rely_on_the_one_before_it
                    what_relied_on_a_refused_commit_is_dependent
                    a_dependent_commit_is_refused_even_if_its_revision_fits
                    any_and_exists_depend_on_nothing
                    a_commit_in_between_does_not_heal_the_chain
                    what_relied_on_a_repeated_commit_is_dependent
                    what_relied_on_an_impossible_commit_is_dependent
                    the_chain_ends_with_the_batch
                    an_id_twice_in_a_batch_is_a_repeat
                    an_id_refused_before_in_a_batch_is_no_repeat
                    a_repeat_is_found_before_any_refusal
                    a_conflict_is_found_before_size_and_mixture
                    a_long_batch_is_recorded_in_order
                }
                read_stream {
                    forwards_starts_with_the_revision_asked_for
                    backwards_starts_with_the_revision_asked_for
                    reading_starts_at_the_respective_end
                    beyond_the_end_there_is_nothing
                    an_unknown_stream_is_empty
                    pages_forwards_hold_every_event_once
                    pages_backwards_hold_every_event_once
                    only_the_page_with_the_last_event_ends
                    a_limit_of_nothing_is_read_as_one
                    a_stream_holds_its_own_events_alone
                    what_comes_later_is_read_later
                }
                read_log {
                    the_log_holds_every_event_once
                    reading_starts_behind_the_position
                    beyond_the_head_there_is_nothing
                    a_filter_for_kinds
                    a_filter_for_names
                    a_filter_for_tags
                    a_filter_for_streams
                    a_filter_for_several_things_asks_for_each
                    pages_hold_every_event_once
                    a_filter_that_lets_nothing_through_ends
                    the_page_that_reaches_the_head_ends
                    a_limit_of_nothing_is_read_as_one
                    what_comes_later_is_read_later
                    the_first_position_is_the_first_event
                }
                head {
                    the_head_is_the_last_position
                    the_head_stands_when_nothing_is_recorded
                    one_who_is_behind_does_not_wait
                    one_who_waits_is_woken
                    what_records_nothing_wakes_nobody
                    one_who_waits_for_more_sleeps_on
                    all_who_wait_are_woken
                    giving_up_waiting_is_harmless
                    a_state_moves_the_head
                    closing_wakes_with_an_error
                }
                listing {
                    streams_are_listed_in_order
                    pages_hold_every_stream_once
                    listing_starts_behind_the_name
                    streams_of_one_kind_are_listed_alone
                    one_kind_can_be_listed_behind_any_name
                    what_is_listed_is_the_head
                    a_stream_is_listed_once
                }
                snapshots {
                    a_snapshot_is_loaded_as_saved
                    a_newer_snapshot_replaces_the_older
                    an_older_snapshot_does_not_replace_the_newer
                    a_snapshot_beyond_the_head_is_refused
                    a_snapshot_of_no_stream_is_refused
                    a_snapshot_can_be_deleted
                    snapshots_change_nothing_else
                    a_snapshot_belongs_to_its_stream
                }
                states {
                    a_state_is_loaded_as_saved
                    each_save_is_one_revision_and_one_position
                    a_state_is_not_seen_as_an_event
                    a_stream_with_a_state_has_a_head
                    a_stale_save_is_refused
                    events_are_refused_where_a_state_is
                    a_state_is_refused_where_events_are
                    commits_of_nothing_fit_beside_both
                    a_repeated_save_changes_nothing
                    saves_may_rely_on_each_other_in_a_batch
                    a_state_belongs_to_its_stream
                }
                read_states {
                    each_stream_is_read_once_with_its_last_state
                    states_come_in_the_order_of_their_last_saves
                    states_are_read_behind_a_position
                    pages_hold_every_state_once
                    only_states_of_these_kinds_are_read
                    what_is_saved_between_pages_comes_behind_them
                    nothing_but_saves_is_read_as_a_state
                    states_are_read_as_they_are_loaded
                    an_erased_state_is_not_read
                    followers_see_the_last_state_of_all
                }
                checkpoints {
                    a_checkpoint_is_loaded_as_saved
                    a_consumer_can_be_sent_back
                    a_checkpoint_beyond_the_head_is_refused
                    an_empty_log_has_nothing_to_finish
                    consumers_are_listed_in_order
                    a_consumer_can_be_forgotten
                    checkpoints_take_no_place_in_the_log
                }
                rows {
                    rows_are_loaded_as_asked_for
                    a_row_that_is_put_again_is_replaced
                    a_removed_row_is_gone
                    the_last_change_of_a_row_stands
                    rows_are_listed_in_the_order_of_their_keys
                    a_range_holds_its_start_and_not_its_end
                    pages_hold_every_row_once
                    a_limit_of_nothing_is_read_as_one
                    tables_do_not_mix
                    every_byte_of_a_row_survives
                    rows_of_a_commit_come_with_it
                    rows_of_a_commit_that_is_not_recorded_do_not_come
                    a_commit_with_an_invalid_row_is_refused
                    rows_count_for_the_size_of_a_commit
                    rows_change_in_the_order_in_which_they_were_recorded
                    rows_outlive_the_events_of_their_commit
                    rows_take_no_place_in_the_log
                }
                steps {
                    a_step_changes_rows_and_moves_the_checkpoint
                    a_step_may_be_of_one_thing_alone
                    an_overtaken_step_changes_nothing
                    a_step_beyond_the_head_changes_nothing
                    a_step_that_is_too_large_changes_nothing
                    a_step_with_an_invalid_row_changes_nothing
                    a_step_is_looked_at_in_this_order
                    a_step_and_a_saved_checkpoint_are_one_thing
                    a_step_lets_go_of_what_it_finished
                    steps_take_no_place_in_the_log
                    one_of_several_steps_wins
                    one_reading_sees_steps_whole
                    a_dropped_step_is_whole_or_absent
                }
                retention {
                    deleted_events_are_not_read
                    reading_from_a_deleted_revision_starts_with_the_first_left
                    reading_backwards_stops_at_the_first_left
                    the_heads_stand
                    numbers_are_not_given_again
                    deleted_commands_stay_known
                    part_of_a_commit_can_be_deleted
                    deleting_beyond_the_head_is_refused
                    deleting_again_is_no_error
                    a_late_consumer_holds_up_the_deletion
                    a_consumer_at_the_start_holds_up_everything
                    a_forgotten_consumer_holds_up_nothing
                    a_consumer_of_a_scope_holds_up_its_own_streams
                    a_snapshot_outlives_its_events
                    a_state_is_not_deleted
                    the_types_of_deleted_events_stay_listed
                }
                erasure {
                    erased_events_are_not_read
                    commands_state_and_snapshot_are_erased
                    an_erased_stream_takes_nothing
                    erasure_is_found_before_any_other_refusal
                    an_erased_stream_has_a_head_that_says_so
                    erased_positions_are_not_given_again
                    other_streams_keep_everything
                    an_unknown_stream_can_be_erased
                    erasure_waits_for_no_consumer
                    a_late_snapshot_brings_nothing_back
                    the_types_of_erased_events_stay_listed
                }
                copying {
                    commands_are_listed_in_the_order_of_recording
                    many_commands_are_listed
                    commands_of_a_state_are_listed
                    commands_of_deleted_events_are_listed
                    commands_of_an_erased_stream_are_gone
                    erased_streams_are_listed_in_order
                    tables_with_rows_are_listed
                }
                closing {
                    a_closed_store_takes_no_commits
                    a_closed_store_shows_nothing
                    a_closed_store_has_no_head
                    a_closed_store_keeps_nothing
                    a_closed_store_deletes_nothing
                    a_closed_store_has_no_rows
                    closing_twice_is_no_error
                }
                concurrency {
                    writers_at_once_lose_nothing
                    each_writer_keeps_its_order
                    one_of_several_rivals_wins
                    one_command_sent_by_several_is_recorded_once
                    nothing_appears_behind_what_was_seen
                    readers_see_commits_whole
                    the_head_never_goes_back
                    deleting_what_was_finished_hides_nothing
                    erasing_amid_appends_leaves_nothing
                    a_dropped_append_is_whole_or_absent
                    a_dropped_read_is_harmless
                }
            }
            persistent {
                reopening {
                    everything_recorded_is_there_again
                    numbers_go_on_where_they_stood
                    commands_are_known_again
                    states_are_there_again
                    checkpoints_are_there_again
                    rows_are_there_again
                    what_was_not_taken_of_rows_does_not_come_back
                    a_snapshot_is_the_same_or_gone
                    deleted_events_stay_deleted
                    an_erased_stream_stays_erased
                    positions_at_the_end_are_not_given_again
                    what_was_refused_does_not_come_back
                    a_dropped_store_keeps_what_it_acknowledged
                    closing_finishes_what_was_taken
                    what_was_listed_is_listed_again
                }
            }
        }
    };
}

/// Writes one test for each rule of [`Store`](crate::store::Store). The [module](crate::testing) tells how to call it.
#[doc(hidden)]
#[macro_export]
macro_rules! __event_store_rules {
    ($name:ident: |$folder:ident| $open:expr $(,)?) => {
        fn $name() -> $crate::testing::Bench {
            $crate::testing::Bench::persistent(|folder: ::std::path::PathBuf| async move {
                let $folder: &::std::path::Path = &folder;
                ::core::result::Result::<_, $crate::testing::OpenError>::Ok($open)
            })
        }

        $crate::__each_store_rule! { [$crate::__store_rule_tests] $name persistent }
    };
    ($name:ident: $open:expr $(,)?) => {
        fn $name() -> $crate::testing::Bench {
            $crate::testing::Bench::volatile(|| async { ::core::result::Result::<_, $crate::testing::OpenError>::Ok($open) })
        }

        $crate::__each_store_rule! { [$crate::__store_rule_tests] $name volatile }
    };
}

/// A module per store, in it a module per topic, in it a test per rule.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_rule_tests {
    ([$name:ident persistent] every { $($every:tt)* } persistent { $($persistent:tt)* }) => {
        $crate::__store_rule_tests! { [$name volatile] every { $($every)* $($persistent)* } persistent {} }
    };
    ([$name:ident volatile] every { $($topic:ident { $($rule:ident)* })* } persistent { $($skipped:tt)* }) => {
        mod $name {
            $(mod $topic {
                $(#[test]
                fn $rule() {
                    super::super::$name().hold(::core::concat!(::core::stringify!($topic), "::", ::core::stringify!($rule)));
                })*
            })*
        }
    };
}

macro_rules! table {
    ([] every { $($topic:ident { $($rule:ident)* })* } persistent { $($again:ident { $($reopened:ident)* })* }) => {
        /// Every rule, in the order of the list.
        pub const RULES: &[Rule] = &[
            $($(Rule {
                name: concat!(stringify!($topic), "::", stringify!($rule)),
                persistent: false,
                run: |bench| Box::pin(super::$topic::$rule(bench)),
            },)*)*
            $($(Rule {
                name: concat!(stringify!($again), "::", stringify!($reopened)),
                persistent: true,
                run: |bench| Box::pin(super::$again::$reopened(bench)),
            },)*)*
        ];
    };
}

__each_store_rule! { [table] }
