//! What holds something personal in the middle of something else: rows and snapshots.

use super::json::{self, OfForgotten, Place};
use super::keychain::Hand;
use super::rows::TableOf;
use super::vault::{Vault, at, may_tell_of_somebody};
use crate::engine::SnapshotInside;
use crate::message::StreamId;
use crate::model::Shape;
use crate::projection::DeadRow;
use crate::store::{PrivacyError, RowChange, StoreError};
use crate::timer::{FailedTimer, Timer};
use bytes::Bytes;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What an error says that quoted somebody who was forgotten.
const FORGOTTEN: &str = "what was said of it was forgotten";

impl Vault {
    pub(super) async fn seal_whole(
        &self,
        hand: &mut Hand,
        place: Place<'_>,
        subjects: &BTreeSet<Arc<str>>,
        of_forgotten: OfForgotten,
        content: &Bytes,
    ) -> Result<Bytes, PrivacyError> {
        let raw = str::from_utf8(content).map_err(|_| PrivacyError::NotFound { field: "/…".into() })?;
        let sealed = self.with_keys(hand, true, |hand| json::seal_whole(subjects, place, hand, of_forgotten, raw, "null")).await;
        sealed.map(Bytes::from)
    }

    /// Seals a text that may quote what is personal in something else.
    async fn seal_quoting(
        &self,
        hand: &mut Hand,
        place: Place<'_>,
        subjects: &BTreeSet<Arc<str>>,
        text: &mut String,
    ) -> Result<(), PrivacyError> {
        if !subjects.is_empty() {
            let plain = Bytes::from(json::text(text));
            let sealed = self.seal_whole(hand, place, subjects, OfForgotten::Redact, &plain).await?;
            *text = if sealed == "null" { FORGOTTEN.to_owned() } else { String::from_utf8_lossy(&sealed).into_owned() };
        }
        Ok(())
    }

    async fn open_quoting(&self, hand: &mut Hand, place: Place<'_>, text: &mut String) -> Result<(), PrivacyError> {
        let sealed = Bytes::copy_from_slice(text.as_bytes());
        let (opened, _) = self.open(hand, place, &sealed).await?;
        if opened != sealed {
            *text = serde_json::from_slice(&opened).unwrap_or_else(|_| FORGOTTEN.to_owned());
        }
        Ok(())
    }

    pub(super) async fn seal_row(&self, hand: &mut Hand, row: &mut RowChange) -> Result<(), PrivacyError> {
        let Some(value) = &mut row.value else { return Ok(()) };
        let key = hex(&row.key);
        match TableOf::of(&row.table) {
            TableOf::Views { projection } => {
                let Some(shape) = self.personal.in_view(projection) else { return Ok(()) };
                *value = self.seal_view(hand, &["view", &row.table, &key], shape, value).await?;
            }
            TableOf::Snapshots => {
                let place = ["kept", &*row.table, &*key];
                let Some(stream) = stream_of_kept(&row.key) else { return Ok(()) };
                *value = self.seal_snapshot(hand, &place, &stream, value).await?;
            }
            TableOf::DeadLetters => {
                let Some(mut letter) = DeadRow::read(value) else { return Ok(()) };
                let (kind, name) = letter.event();
                let Some(shape) = self.personal.in_event(kind, name) else { return Ok(()) };
                let (mut subjects, place) = (BTreeSet::new(), ["dead letter", &*row.table, &*key]);
                if let Some(content) = letter.content() {
                    let plain = Bytes::from(std::mem::take(content));
                    let (sealed, of) = self.seal(hand, &place, Some(shape), OfForgotten::Redact, &plain).await?;
                    *content = String::from_utf8_lossy(&sealed).into_owned();
                    subjects = of;
                }
                if let Some(error) = letter.error() {
                    self.seal_quoting(hand, &place, &subjects, error).await?;
                }
                *value = letter.write().into();
            }
            TableOf::Timers { failed: false } => {
                let Ok(mut timer) = serde_json::from_slice::<Timer>(value) else { return Ok(()) };
                self.seal_timer(hand, &["timer", &row.table, &key], &mut timer).await?;
                *value = written(&timer);
            }
            TableOf::Timers { failed: true } => {
                let Ok(mut failed) = serde_json::from_slice::<FailedTimer>(value) else { return Ok(()) };
                let place = ["timer", &*row.table, &*key];
                let subjects = self.seal_timer(hand, &place, &mut failed.timer).await?;
                self.seal_quoting(hand, &place, &subjects, &mut failed.reason).await?;
                *value = written(&failed);
            }
            TableOf::Other => {}
        }
        Ok(())
    }

    pub(super) async fn open_row(&self, hand: &mut Hand, table: &str, key: &[u8], value: Bytes) -> Result<Bytes, StoreError> {
        if !json::may_hold_sealed(&value) {
            return Ok(value);
        }
        let key_text = hex(key);
        match TableOf::of(table) {
            TableOf::Views { .. } => {
                let place = ["view", table, &key_text];
                self.open_view(hand, &place, &value).await.map_err(at(&place))
            }
            TableOf::Snapshots => {
                let place = ["kept", table, &key_text];
                let Some(stream) = stream_of_kept(key) else { return Ok(value) };
                self.open_snapshot(hand, &place, &stream, &value).await.map_err(at(&place))
            }
            TableOf::DeadLetters => {
                let Some(mut letter) = DeadRow::read(&value) else { return Ok(value) };
                let place = ["dead letter", table, &key_text];
                if let Some(content) = letter.content() {
                    let sealed = Bytes::from(std::mem::take(content));
                    let (opened, _) = self.open(hand, &place, &sealed).await.map_err(at(&place))?;
                    *content = String::from_utf8_lossy(&opened).into_owned();
                }
                if let Some(error) = letter.error() {
                    self.open_quoting(hand, &place, error).await.map_err(at(&place))?;
                }
                Ok(letter.write().into())
            }
            TableOf::Timers { failed: false } => {
                let Ok(mut timer) = serde_json::from_slice::<Timer>(&value) else { return Ok(value) };
                let place = ["timer", table, &key_text];
                self.open_timer(hand, &place, &mut timer).await.map_err(at(&place))?;
                Ok(written(&timer))
            }
            TableOf::Timers { failed: true } => {
                let Ok(mut failed) = serde_json::from_slice::<FailedTimer>(&value) else { return Ok(value) };
                let place = ["timer", table, &key_text];
                self.open_timer(hand, &place, &mut failed.timer).await.map_err(at(&place))?;
                self.open_quoting(hand, &place, &mut failed.reason).await.map_err(at(&place))?;
                Ok(written(&failed))
            }
            TableOf::Other => Ok(value),
        }
    }

    /// A command that is stored to be sent later.
    async fn seal_timer(&self, hand: &mut Hand, place: Place<'_>, timer: &mut Timer) -> Result<BTreeSet<Arc<str>>, PrivacyError> {
        let content = Bytes::from(timer.content.to_string());
        let kind = timer.stream.kind();
        let shape = self.personal.in_command(kind, &timer.command);
        if shape.is_none() && self.personal.is_in(kind) && may_tell_of_somebody(&content) {
            return Err(PrivacyError::Undeclared { command: timer.command.to_string().into() });
        }
        let (sealed, subjects) = self.seal(hand, place, shape, OfForgotten::Redact, &content).await?;
        timer.content = serde_json::from_slice(&sealed).map_err(|_| PrivacyError::Tampered)?;
        Ok(subjects)
    }

    async fn open_timer(&self, hand: &mut Hand, place: Place<'_>, timer: &mut Timer) -> Result<(), PrivacyError> {
        let (opened, _) = self.open(hand, place, &Bytes::from(timer.content.to_string())).await?;
        timer.content = serde_json::from_slice(&opened).map_err(|_| PrivacyError::Tampered)?;
        Ok(())
    }

    async fn seal_view(
        &self,
        hand: &mut Hand,
        place: Place<'_>,
        shape: &'static Shape,
        value: &Bytes,
    ) -> Result<Bytes, PrivacyError> {
        let (codec, view) = split_view(value);
        let (sealed, _) = self.seal(hand, place, Some(shape), OfForgotten::Redact, &view).await?;
        Ok([codec, sealed].concat().into())
    }

    async fn open_view(&self, hand: &mut Hand, place: Place<'_>, value: &Bytes) -> Result<Bytes, PrivacyError> {
        let (codec, view) = split_view(value);
        let (opened, _) = self.open(hand, place, &view).await?;
        Ok([codec, opened].concat().into())
    }

    /// The state and the inline views in a snapshot. One that nobody can read holds what nobody has declared: it is not kept.
    pub(super) async fn seal_snapshot(
        &self,
        hand: &mut Hand,
        place: Place<'_>,
        stream: &StreamId,
        payload: &Bytes,
    ) -> Result<Bytes, PrivacyError> {
        let kind = stream.kind();
        if !self.personal.is_in(kind) && !self.personal.has_views() {
            return Ok(payload.clone());
        }
        let unread = || PrivacyError::NotFound { field: "/…".into() };
        let mut inside = SnapshotInside::read(stream, payload).ok_or_else(unread)?;
        if let Some(shape) = self.personal.in_state(kind) {
            let (sealed, _) = self.seal(hand, place, Some(shape), OfForgotten::Redact, inside.state()).await?;
            *inside.state() = sealed;
        }
        for (projection, view) in inside.views() {
            if let Some(shape) = self.personal.in_view(projection) {
                *view = self.seal_view(hand, &[place, &[projection]].concat(), shape, view).await?;
            }
        }
        inside.write(stream).ok_or_else(unread)
    }

    pub(super) async fn open_snapshot(
        &self,
        hand: &mut Hand,
        place: Place<'_>,
        stream: &StreamId,
        payload: &Bytes,
    ) -> Result<Bytes, PrivacyError> {
        let inside = json::may_hold_sealed(payload).then(|| SnapshotInside::read(stream, payload)).flatten();
        let Some(mut inside) = inside else { return Ok(payload.clone()) };
        let (opened, _) = self.open(hand, place, inside.state()).await?;
        *inside.state() = opened;
        for (projection, view) in inside.views() {
            *view = self.open_view(hand, &[place, &[projection]].concat(), view).await?;
        }
        inside.write(stream).ok_or(PrivacyError::Tampered)
    }
}

/// The state and the views in a snapshot, as JSON.
pub(super) fn parts_of_snapshot(stream: &StreamId, payload: &Bytes) -> Vec<Bytes> {
    let Some(mut inside) = SnapshotInside::read(stream, payload) else { return Vec::new() };
    let state = inside.state().clone();
    std::iter::once(state).chain(inside.views().map(|(_, view)| split_view(view).1)).collect()
}

/// The parts of a row in which something may be sealed, as JSON.
pub(super) fn parts_of_row(table: &str, key: &[u8], value: &Bytes) -> Vec<Bytes> {
    let content = |value: serde_json::Value| vec![Bytes::from(value.to_string())];
    match TableOf::of(table) {
        TableOf::Views { .. } => vec![split_view(value).1],
        TableOf::Snapshots => stream_of_kept(key).map(|stream| parts_of_snapshot(&stream, value)).unwrap_or_default(),
        TableOf::DeadLetters => DeadRow::read(value)
            .and_then(|mut letter| letter.content().map(|content| Bytes::from(std::mem::take(content))))
            .into_iter()
            .collect(),
        TableOf::Timers { failed: false } => {
            serde_json::from_slice::<Timer>(value).map(|timer| content(timer.content)).unwrap_or_default()
        }
        TableOf::Timers { failed: true } => {
            serde_json::from_slice::<FailedTimer>(value).map(|failed| content(failed.timer.content)).unwrap_or_default()
        }
        TableOf::Other => Vec::new(),
    }
}

/// A view's codec, as it stands in front of it, and the view.
fn split_view(value: &Bytes) -> (Bytes, Bytes) {
    let codec = value.first().map_or(0, |len| usize::from(*len) + 1).min(value.len());
    (value.slice(..codec), value.slice(codec..))
}

/// The stream in the key of a kept snapshot.
fn stream_of_kept(key: &[u8]) -> Option<StreamId> {
    let mut parts = key.splitn(3, |byte| *byte == 0).map(str::from_utf8);
    StreamId::new(parts.next()?.ok()?, parts.next()?.ok()?).ok()
}

fn written(record: &impl Serialize) -> Bytes {
    // Texts, numbers and JSON: always written.
    serde_json::to_vec(record).unwrap_or_default().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
