//! Reading one view, and waiting until it has seen what one has written.

use super::error::ViewError;
use super::projected::{AnyProjection, Projected};
use super::source::Sources;
use super::table::{self, Generation, Tables};
use crate::consumer::{State, Wanted};
use crate::engine::{Engine, Receipt};
use crate::message::Position;
use crate::model::Mode;
use crate::store::{RowChange, Store};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// What says up to where a view must have come: a command's [`Receipt`], or a position.
#[diagnostic::on_unimplemented(
    message = "`{Self}` says nothing about a position",
    label = "expected a `&Receipt`, a `Position` or an `Option<Position>`"
)]
pub trait IntoPosition {
    /// The position; `None` is before the first, so that nothing is waited for.
    fn into_position(self) -> Option<Position>;
}

impl IntoPosition for Position {
    fn into_position(self) -> Option<Position> {
        Some(self)
    }
}

impl IntoPosition for Option<Position> {
    fn into_position(self) -> Option<Position> {
        self
    }
}

impl<R> IntoPosition for &Receipt<R> {
    fn into_position(self) -> Option<Position> {
        self.position
    }
}

/// How far a view must have come before it is read, and how long that may take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wait {
    pub(super) after: Option<Position>,
    pub(super) within: Option<Duration>,
}

type Read<V> = Box<dyn FnOnce(Wait) -> BoxFuture<'static, Result<Option<V>, ViewError>> + Send>;

/// A view that is about to be read: set what it must have seen, then await it. `None` when there is no view of this key.
///
/// Dropping the future gives the reading up; it changes nothing.
#[must_use = "a view is read when it is awaited"]
pub struct ReadView<V> {
    wait: Wait,
    read: Read<V>,
}

impl<V> ReadView<V> {
    fn new(read: impl FnOnce(Wait) -> BoxFuture<'static, Result<Option<V>, ViewError>> + Send + 'static) -> Self {
        Self { wait: Wait::default(), read: Box::new(read) }
    }

    /// Waits until the projection has passed this place, so that one reads what one has written. An inline or a live projection is
    /// never behind. Waiting costs nothing; nothing is polled.
    pub fn after(mut self, place: impl IntoPosition) -> Self {
        self.wait.after = self.wait.after.max(place.into_position());
        self
    }

    /// Waits so long at most; [`Limits::timeout`](crate::engine::Limits::timeout) when left out.
    pub fn within(mut self, time: Duration) -> Self {
        self.wait.within = Some(time);
        self
    }
}

impl<V: 'static> IntoFuture for ReadView<V> {
    type Output = Result<Option<V>, ViewError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        (self.read)(self.wait)
    }
}

impl<V> fmt::Debug for ReadView<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadView").field("wait", &self.wait).finish_non_exhaustive()
    }
}

impl Engine {
    /// Reads the view of this key. The errors are [`ViewError`]s; reading changes nothing.
    pub fn view<P: Sources>(&self, key: impl Into<String>) -> ReadView<P> {
        let (found, key) = (found::<P>(self), key.into());
        ReadView::new(move |wait| Box::pin(async move { found?.view(&key, wait).await }))
    }

    /// The same by the projection's name, as JSON.
    pub fn view_by_name(&self, projection: &str, key: impl Into<String>) -> ReadView<serde_json::Value> {
        let (found, key) = (named(self, projection), key.into());
        ReadView::new(move |wait| Box::pin(async move { found?.view_json(key, wait).await }))
    }
}

pub(super) fn found<P: Sources>(engine: &Engine) -> Result<Arc<Projected<P>>, ViewError> {
    engine.projected::<P>().ok_or(ViewError::Unknown { projection: std::any::type_name::<P>() })
}

pub(super) fn named(engine: &Engine, name: &str) -> Result<Arc<dyn AnyProjection>, ViewError> {
    let found = engine.every_projection().find(|projection| projection.control().name == name);
    found.cloned().ok_or_else(|| ViewError::UnknownName {
        name: name.to_owned(),
        known: engine.every_projection().map(|projection| projection.control().name.clone()).collect(),
    })
}

/// The generation that is read.
pub(super) struct Reading {
    generation: Generation,
    pub(super) tables: Tables,
}

impl<P: Sources> Projected<P> {
    pub(super) async fn view(&self, key: &str, wait: Wait) -> Result<Option<P>, ViewError> {
        self.passed(wait).await?;
        if P::MODE == Mode::Live {
            return self.live(key).await;
        }
        if key.len() > RowChange::MAX_KEY {
            return Err(ViewError::KeyTooLong { length: key.len(), limit: RowChange::MAX_KEY });
        }
        let keys = [Bytes::copy_from_slice(key.as_bytes())];
        loop {
            let reading = self.reading().await?;
            let rows = self.shared.store.load_rows(&reading.tables.views, &keys).await;
            if self.is_read(&reading) {
                return rows?.into_iter().flatten().next().map(|row| self.decode(key, &row)).transpose();
            }
        }
    }

    pub(super) fn decode(&self, key: &str, row: &[u8]) -> Result<P, ViewError> {
        table::decode(&self.shared.codecs, row).map_err(|error| ViewError::Unreadable {
            projection: P::NAME,
            key: key.to_owned(),
            reason: error.to_string(),
        })
    }

    /// The tables to read from.
    pub(super) async fn reading(&self) -> Result<Reading, ViewError> {
        match self.readable() {
            Some(generation) => Ok(Reading { generation, tables: self.tables(generation) }),
            None => Err(self.not_built().await?),
        }
    }

    /// Whether nothing took the place of these tables meanwhile: otherwise their rows may be gone, and what was read is no answer.
    pub(super) fn is_read(&self, reading: &Reading) -> bool {
        self.readable() == Some(reading.generation)
    }

    async fn not_built(&self) -> Result<ViewError, ViewError> {
        let position = self.building().flatten();
        Ok(ViewError::Building { projection: P::NAME, position, head: self.shared.store.head().await? })
    }

    /// Waits until the projection has passed the place.
    pub(super) async fn passed(&self, Wait { after, within }: Wait) -> Result<(), ViewError> {
        let Some(wanted) = after else { return Ok(()) };
        let within = within.unwrap_or(self.shared.limits.timeout);
        match P::MODE {
            // Recorded with the events, or folded from them now.
            Mode::Inline | Mode::Live => Ok(()),
            Mode::Async => self.followed(wanted, within).await,
        }
    }

    async fn followed(&self, wanted: Position, within: Duration) -> Result<(), ViewError> {
        let mut said = self.control.listen();
        // One that has not begun yet says that it is stopped, too.
        let is_over = |state| match state {
            State::Failed => true,
            State::Stopped => matches!(self.control.wanted(), Wanted::Stop | Wanted::End),
            State::Running | State::Retrying | State::Rebuilding | State::Paused => false,
        };
        let passed = timeout(within, said.wait_for(|said| said.position >= Some(wanted) || is_over(said.state))).await;
        // The sender is ours, so it is not gone.
        let in_time = matches!(passed, Ok(Ok(_)));
        drop(passed);
        let said = self.control.said();
        if said.position >= Some(wanted) {
            return Ok(());
        }
        let (projection, position, state) = (P::NAME, said.position, said.state);
        Err(if in_time {
            let error = if state == State::Failed { self.control.ailment().error } else { None };
            ViewError::Failed { projection, position, wanted, state, error }
        } else {
            ViewError::NotYet { projection, position, wanted, within, state }
        })
    }

    /// The place of an index among those of the projection.
    pub(super) fn index(&self, index: &str) -> Result<usize, ViewError> {
        let unknown = || ViewError::UnknownIndex { projection: P::NAME, index: index.to_owned(), known: P::INDEXES };
        P::INDEXES.iter().position(|known| *known == index).ok_or_else(unknown)
    }
}
