//! Forgetting a subject.

use super::json;
use super::parts::{parts_of_row, parts_of_snapshot};
use super::rows::TableOf;
use crate::engine::{Engine, KEPT};
use crate::message::{Name, Position, StreamId};
use crate::store::{AnyStore, Filter, Page, PrivacyError, Store, StoreError};
use crate::timer;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

/// What became unreadable when a subject was forgotten. The redacted values are read there from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForgetReport {
    /// Who was forgotten.
    pub subject: String,
    /// How many events hold personal data of the subject.
    pub events: u64,
    /// The streams with such events, a state or a snapshot; the first [`ForgetReport::STREAMS`] of them.
    pub streams: BTreeSet<StreamId>,
    /// Whether there are more streams than are listed.
    pub more_streams: bool,
    /// How many states of durable aggregates hold such data.
    pub states: u64,
    /// How many snapshots do, those that stand in the place of deleted events among them.
    pub snapshots: u64,
    /// How many views of each projection do.
    pub views: BTreeMap<String, u64>,
    /// How many dead letters do.
    pub dead_letters: u64,
    /// How many commands that are sent later do, or were refused then.
    pub timers: u64,
}

impl ForgetReport {
    /// The most streams that are listed.
    pub const STREAMS: usize = 10_000;

    fn add(&mut self, stream: &StreamId) {
        if self.streams.len() < Self::STREAMS || self.streams.contains(stream) {
            self.streams.insert(stream.clone());
        } else {
            self.more_streams = true;
        }
    }
}

/// Why a subject was not forgotten, or not everything is known that became unreadable. Forget it again: that finishes what was begun.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForgetFailure {
    /// The engine was started without keys of subjects.
    #[error("the engine has no keys of subjects: give them with `.subject_keys(…)` on the engine builder")]
    NoKeys,
    /// The key could not be destroyed, or that is not known.
    #[error("the key could not be destroyed")]
    Keys(#[source] PrivacyError),
    /// The key is destroyed; what became unreadable could not be told.
    #[error("the key is destroyed, and what became unreadable could not be read from the store")]
    Report(#[source] StoreError),
    /// The engine is stopping or stopped. Nothing was done.
    #[error("the engine is stopped")]
    Stopped,
}

/// How many things are read at once.
const PAGE: usize = 1000;

impl Engine {
    /// Forgets a subject: destroys its key for good, and says what became unreadable by that. From then on its personal data are nowhere:
    /// whoever reads events, states, snapshots, views or dead letters gets the redacted values, and aggregates and views that were in
    /// memory are loaded anew.
    ///
    /// The report is read from the store: all events of kinds with personal fields, all their states and snapshots, all views and
    /// dead letters. That takes as long as it takes to read them, a page at a time, and happens beside the commands. Snapshots are left
    /// where they are: they give the redacted values, and may stand for events that were deleted.
    ///
    /// To be dropped or killed at any moment: the key is destroyed first. Forgetting again changes nothing and makes the report anew.
    ///
    /// # Errors
    /// [`ForgetFailure`].
    pub async fn forget(&self, subject: &str) -> Result<ForgetReport, ForgetFailure> {
        let shared = self.shared();
        let privacy = shared.privacy.as_ref().ok_or(ForgetFailure::NoKeys)?;
        if self.is_stopped() {
            return Err(ForgetFailure::Stopped);
        }
        // 1. Nobody can open it any more. 2. Nobody keeps what was opened before. 3. Only then is it told.
        privacy.keychain.destroy(subject, shared.clock.now()).await.map_err(ForgetFailure::Keys)?;
        privacy.forgotten.fetch_add(1, Ordering::AcqRel);
        tracing::info!(subject, "a subject was forgotten");
        let report = self.unreadable(subject).await.map_err(ForgetFailure::Report)?;
        self.reload(|stream| report.more_streams || report.streams.contains(stream)).await;
        Ok(report)
    }

    async fn unreadable(&self, subject: &str) -> Result<ForgetReport, StoreError> {
        let mut report = ForgetReport { subject: subject.to_owned(), ..ForgetReport::default() };
        let Some(privacy) = &self.shared().privacy else { return Ok(report) };
        let (store, personal) = (&privacy.at_rest, &privacy.personal);
        let filter = personal.kinds().fold(Filter::all(), Filter::kind);
        if personal.kinds().next().is_some() {
            let mut after: Option<Position> = None;
            loop {
                let page = store.read_log(after, &filter, PAGE).await?;
                for event in page.items.iter().filter(|event| holds(&event.payload, subject)) {
                    report.events += 1;
                    report.add(&event.stream);
                }
                let Some(next) = page.next else { break };
                after = Some(next);
            }
        }
        for kind in personal.kinds().filter(|kind| personal.in_state(kind).is_some()) {
            let mut after: Option<StreamId> = None;
            loop {
                let Page { items, next } = store.list_streams(Some(kind), after.as_ref(), PAGE).await?;
                for head in &items {
                    if store.load_state(&head.stream).await?.is_some_and(|state| holds(&state.payload, subject)) {
                        report.states += 1;
                        report.add(&head.stream);
                    }
                    if store
                        .load_snapshot(&head.stream)
                        .await?
                        .is_some_and(|snapshot| any_holds(&parts_of_snapshot(&head.stream, &snapshot.payload), subject))
                    {
                        report.snapshots += 1;
                        report.add(&head.stream);
                    }
                }
                let Some(next) = next else { break };
                after = Some(next);
            }
        }
        let own = [KEPT, timer::TIMERS, timer::FAILED].map(Name::fixed);
        for table in self.every_projection().flat_map(|projection| projection.tables_with_events()).chain(own) {
            let found = rows_with(store, &table, subject).await?;
            match TableOf::of(&table) {
                TableOf::Views { projection } if found > 0 => *report.views.entry(projection.to_owned()).or_default() += found,
                TableOf::Views { .. } | TableOf::Other => {}
                TableOf::DeadLetters => report.dead_letters += found,
                TableOf::Snapshots => report.snapshots += found,
                TableOf::Timers { .. } => report.timers += found,
            }
        }
        Ok(report)
    }
}

async fn rows_with(store: &AnyStore, table: &str, subject: &str) -> Result<u64, StoreError> {
    let (mut found, mut start) = (0, bytes::Bytes::new());
    loop {
        let page = store.list_rows(table, &start, None, PAGE).await?;
        let with = page.items.iter().filter(|row| any_holds(&parts_of_row(table, &row.key, &row.value), subject));
        found += with.count() as u64;
        match page.next {
            Some(next) => start = next,
            None => return Ok(found),
        }
    }
}

fn any_holds(parts: &[bytes::Bytes], subject: &str) -> bool {
    parts.iter().any(|part| holds(part, subject))
}

/// Whether something of the subject is sealed in it.
fn holds(payload: &[u8], subject: &str) -> bool {
    let mut holds = false;
    if let Ok(raw) = str::from_utf8(payload) {
        json::each_sealed(raw, &mut |sealed| holds |= sealed.of == subject);
    }
    holds
}
