//! What can be seen of an engine from outside: spans of `tracing` and metrics of `metrics`, with all their names.
//!
//! Both are off until somebody listens. A command looks once at `tracing`'s level and once whether there are metrics; nothing else is
//! done then.
//!
//! # Spans
//!
//! At level `DEBUG`, under the target `ego`. One conversation has one `correlation_id` from the first command to the last view; a
//! command that another led to names it in `causation_id`. A span without a parent stands alone because it is shared (a batch of commits)
//! or because it comes later (what follows the log): it is found by these ids.
//!
//! | span | parent | fields |
//! |---|---|---|
//! | `ego.send` | the sender's | `kind`, `id`, `command`, `command_id`, `correlation_id`, `causation_id`, `actor`, `tenant`, `outcome` |
//! | `ego.decide` | `ego.send` | `stream`, `command`, `revision`: the handler runs; once more when it decides again |
//! | `ego.commit` | `ego.send` when recorded in the call, otherwise none | `commits`: how many are made durable together |
//! | `ego.project` | none | `handler`, `key`, `event`, `stream`, `revision`, `position`, `attempt`, `command_id`, `correlation_id`, `causation_id`, `outcome` |
//! | `ego.react` | none | the same, with the key when there is one |
//! | `ego.publish` | none | `handler`, `events`, `first`, `last` (positions), `attempt`, `outcome` |
//!
//! In `ego.commit` there is an event `recorded` for each commit, with `stream`, `command_id`, `correlation_id`, `revision` and `position`.
//! Inline projections are folded in `ego.decide`'s command, live ones by their reader; neither has a span of its own.
//!
//! # Metrics
//!
//! A recorder is looked for when an engine starts; it has to be installed before. (One without fields is taken for none.)
//! Those in *italics* are sampled every [`SAMPLED`] while the engine runs; the others are counted when it happens.
//!
//! | metric | type | labels | says |
//! |---|---|---|---|
//! | `ego_commands_total` | counter | `kind`, `command`, `outcome` | commands whose sender was answered, or that nobody waits for; `outcome` is `done`, `repeated`, `rejected` (by the handler), `conflict`, `denied` (by a layer), `timeout` or `failed` |
//! | `ego_conflicts_total` | counter | `kind` | how often a decision met a state that it was not made on, also those that were decided again |
//! | `ego_commit_batch_size` | histogram | – | commits made durable together |
//! | `ego_commit_seconds` | histogram | – | how long the store took for such a batch |
//! | `ego_commits_failed_total` | counter | – | batches that the store failed |
//! | `ego_activations_total` | counter | `kind` | aggregates brought into memory |
//! | `ego_recovery_seconds` | histogram | `kind` | how long that took |
//! | `ego_passivations_total` | counter | `kind` | aggregates sent away, because they were idle or for want of room |
//! | *`ego_active_aggregates`* | gauge | `kind` | aggregates in memory |
//! | *`ego_mailbox_depth`* | gauge | `kind` | commands that wait for their turn |
//! | *`ego_consumer_lag_events`* | gauge | `kind`, `name` | positions between a consumer and the end of the log |
//! | *`ego_consumer_lag_seconds`* | gauge | `kind`, `name` | the age of the first event that a consumer has not finished |
//! | `ego_consumer_stopped_total` | counter | `kind`, `name` | consumers that stopped because of an error |
//! | `ego_events_skipped_total` | counter | `kind`, `name` | events that a consumer left out |
//! | `ego_dead_letters_total` | counter | `kind`, `name` | events that became dead letters |
//! | `ego_snapshots_total` | counter | `kind` | snapshots that were written |
//! | `ego_snapshots_failed_total` | counter | `kind` | snapshots that could not be written |
//! | `ego_snapshots_unusable_total` | counter | `kind` | snapshots that could not be read, and were passed over |
//! | `ego_events_deleted_total` | counter | `kind` | events that retention deleted |
//! | `ego_retention_failed_total` | counter | `kind` | deletions that failed |
//! | `ego_timers_fired_total` | counter | `kind`, `command` | timers whose command took effect |
//! | `ego_timers_refused_total` | counter | `kind`, `command` | timers whose command was refused |
//! | `ego_timers_retried_total` | counter | `kind` | timers whose command did not get through, and is tried again |
//! | `ego_timers_missed_total` | counter | `kind` | ticks that were left out, as the timer's policy says |
//! | `ego_timers_lateness_seconds` | histogram | `kind` | how long after its time a timer fired |

mod meters;
mod sample;
mod spans;

pub use sample::SAMPLED;

pub(crate) use meters::{CommitMeters, KindMeters, Meters, outcome};
pub(crate) use sample::sample;
pub(crate) use spans::{Told, commit, decide, handling, is_watched, publishing, recorded, send};
