//! Listing views by page: in the order of their keys, or of the values of an index.

use super::cursor::Cursor;
use super::error::ViewError;
use super::projected::Projected;
use super::source::Sources;
use super::table::{Tables, behind, index_key, index_prefix};
use super::view::{IntoPosition, Wait, found, named};
use crate::engine::Engine;
use crate::model::{IndexValue, Indexable, Mode};
use crate::store::{Page, Row, Store};
use futures_util::future::BoxFuture;
use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::time::Duration;

/// Views that are about to be listed: say which, then ask for a [`page`](ReadViews::page).
#[must_use = "views are listed by `.page()`"]
pub struct ReadViews<V> {
    query: Query,
    read: Read<V>,
}

type Read<V> = Box<dyn FnOnce(Query) -> BoxFuture<'static, Listed<V>> + Send>;

/// A page: the keys with their views, and where the next page begins.
pub(crate) type Listed<V> = Result<Page<(String, V), Cursor>, ViewError>;

/// Which views are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(super) wait: Wait,
    pub(super) cursor: Option<Cursor>,
    pub(super) from_key: String,
    pub(super) prefix: String,
    pub(super) limit: usize,
    pub(super) order: Order,
}

#[derive(Clone, Debug)]
pub(crate) enum Order {
    Key,
    /// Of an index, those that stand under this value.
    Value(String, IndexValue),
    /// Of an index, from this row key up to that one.
    Range(String, Option<Vec<u8>>, Option<Vec<u8>>),
}

impl Order {
    pub(super) fn index(&self) -> Option<&str> {
        match self {
            Self::Key => None,
            Self::Value(index, _) | Self::Range(index, ..) => Some(index),
        }
    }
}

impl<V> ReadViews<V> {
    /// How many views a page holds at most, when nothing is said.
    pub const LIMIT: usize = 100;

    fn new(read: impl FnOnce(Query) -> BoxFuture<'static, Listed<V>> + Send + 'static) -> Self {
        let query = Query {
            wait: Wait::default(),
            cursor: None,
            from_key: String::new(),
            prefix: String::new(),
            limit: Self::LIMIT,
            order: Order::Key,
        };
        Self { query, read: Box::new(read) }
    }

    /// Waits until the projection has passed this place, as [`ReadView::after`](super::ReadView::after) does.
    pub fn after(mut self, place: impl IntoPosition) -> Self {
        self.query.wait.after = self.query.wait.after.max(place.into_position());
        self
    }

    /// Waits so long at most; [`Limits::timeout`](crate::engine::Limits::timeout) when left out.
    pub fn within(mut self, time: Duration) -> Self {
        self.query.wait.within = Some(time);
        self
    }

    /// Only views whose keys are this one or stand behind it. Not with [`between`](Self::between).
    pub fn from_key(mut self, key: impl Into<String>) -> Self {
        self.query.from_key = key.into();
        self
    }

    /// Only views whose keys begin so. Not with [`between`](Self::between).
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.query.prefix = prefix.into();
        self
    }

    /// At most so many views on the page, 1 or more; [`ReadViews::LIMIT`] when left out.
    pub fn limit(mut self, views: usize) -> Self {
        self.query.limit = views.max(1);
        self
    }

    /// Only views that stand under this value in the index, in the order of their keys. The value is of the type that the index holds:
    /// a value of another finds nothing.
    pub fn by(mut self, index: impl Into<String>, value: &(impl Indexable + ?Sized)) -> Self {
        self.query.order = Order::Value(index.into(), IndexValue::of(value));
        self
    }

    /// Only views with a value in this range of the index, in the order of the values, and for each in the order of the keys. A view with
    /// several values comes once for each. `..` lists the whole index: `.between::<u64>("balance", ..)`.
    pub fn between<T: Indexable + ?Sized>(mut self, index: impl Into<String>, range: impl RangeBounds<T>) -> Self {
        let first_behind = |value: &T| behind(IndexValue::of(value).as_bytes());
        let start = match range.start_bound() {
            Bound::Unbounded => Some(Vec::new()),
            Bound::Included(value) => Some(IndexValue::of(value).as_bytes().to_vec()),
            Bound::Excluded(value) => first_behind(value),
        };
        let end = match range.end_bound() {
            Bound::Unbounded => None,
            Bound::Included(value) => first_behind(value),
            Bound::Excluded(value) => Some(IndexValue::of(value).as_bytes().to_vec()),
        };
        self.query.order = Order::Range(index.into(), start, end);
        self
    }

    /// Goes on where another page of the same list ended. To be asked for with the same index, prefix and range.
    pub fn at(mut self, cursor: Cursor) -> Self {
        self.query.cursor = Some(cursor);
        self
    }

    /// Reads the page. It may hold fewer views than [`limit`](Self::limit) and even none: the end is reached when [`Page::next`] is
    /// `None`.
    ///
    /// Every view that is there from the first page to the last, and keeps the value that it is listed by, is listed exactly once. One
    /// that is changed, added or removed meanwhile is listed as it is found when its page is read; in the order of an index, one whose
    /// value changes may be met at both of its places, or at none. What is returned has the value that it was listed by.
    ///
    /// Dropping the future gives the reading up; it changes nothing.
    ///
    /// # Errors
    /// [`ViewError`].
    pub async fn page(self) -> Result<Page<(String, V), Cursor>, ViewError> {
        (self.read)(self.query).await
    }
}

impl<V> fmt::Debug for ReadViews<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadViews").field("query", &self.query).finish_non_exhaustive()
    }
}

impl Engine {
    /// Lists the views of a projection.
    pub fn views<P: Sources>(&self) -> ReadViews<P> {
        let found = found::<P>(self);
        ReadViews::new(move |query| Box::pin(async move { found?.page(&query).await }))
    }

    /// The same by the projection's name, as JSON: for tools.
    pub fn views_by_name(&self, projection: &str) -> ReadViews<serde_json::Value> {
        let found = named(self, projection);
        ReadViews::new(move |query| Box::pin(async move { found?.page_json(query).await }))
    }
}

/// The rows of a table that are wanted: from here (inclusive) up to there (exclusive).
struct Range {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl Query {
    /// `None` when there are none.
    fn range(&self, projection: &'static str) -> Result<Option<Range>, ViewError> {
        let base = self.order.index().map(index_prefix).unwrap_or_default();
        let (start, end) = match &self.order {
            Order::Range(..) if !(self.from_key.is_empty() && self.prefix.is_empty()) => {
                let reason = "`between` is in the order of the values, `from_key` and `prefix` are about keys";
                return Err(ViewError::Unlistable { projection, reason });
            }
            Order::Range(_, start, end) => {
                let with = |value: &Vec<u8>| [&*base, value].concat();
                (start.as_ref().map(with), end.as_ref().map(with).or_else(|| behind(&base)))
            }
            Order::Value(_, value) => self.keys(&[&*base, value.as_bytes()].concat()),
            Order::Key => self.keys(&[]),
        };
        let Some(mut start) = start else { return Ok(None) };
        if let Some(cursor) = &self.cursor {
            let foreign = || ViewError::ForeignCursor { projection };
            let at = cursor.of(projection, self.order.index()).ok_or_else(foreign)?;
            if at < &*start || end.as_deref().is_some_and(|end| at >= end) {
                return Err(foreign());
            }
            start = at.to_vec();
        }
        let is_empty = end.as_deref().is_some_and(|end| *start >= *end);
        Ok((!is_empty).then_some(Range { start, end }))
    }

    /// The wanted keys, behind these bytes.
    fn keys(&self, base: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let with = |key: &str| [base, key.as_bytes()].concat();
        (Some(with(self.from_key.as_str().max(&self.prefix))), behind(&with(&self.prefix)))
    }
}

impl<P: Sources> Projected<P> {
    pub(super) async fn page(&self, query: &Query) -> Listed<P> {
        let index = query.order.index().map(|index| self.index(index)).transpose()?;
        let range = query.range(P::NAME)?;
        self.passed(query.wait).await?;
        let Some(Range { start, end }) = range else { return Ok(Page { items: Vec::new(), next: None }) };
        if P::MODE == Mode::Live {
            return self.live_page(query, &start, end.as_deref()).await;
        }
        loop {
            let reading = self.reading().await?;
            let listed = self.listed_from(&reading.tables, query, index, &start, end.as_deref()).await;
            if self.is_read(&reading) {
                return listed;
            }
        }
    }

    async fn listed_from(
        &self,
        tables: &Tables,
        query: &Query,
        index: Option<usize>,
        start: &[u8],
        end: Option<&[u8]>,
    ) -> Listed<P> {
        let table = if index.is_some() { &tables.index } else { &tables.views };
        let rows = self.shared.store.list_rows(table, start, end, query.limit).await?;
        let items = match index {
            None => rows.items.iter().map(|row| self.listed(row)).collect::<Result<_, _>>()?,
            Some(index) => self.looked_up(tables, index, &rows.items).await?,
        };
        let next = rows.next.map(|start| Cursor::new(P::NAME, query.order.index(), start));
        Ok(Page { items, next })
    }

    fn listed(&self, row: &Row) -> Result<(String, P), ViewError> {
        let key = String::from_utf8_lossy(&row.key).into_owned();
        let view = self.decode(&key, &row.value)?;
        Ok((key, view))
    }

    /// The views that stand in the index there. One that was changed or removed since is left out.
    async fn looked_up(&self, tables: &Tables, index: usize, rows: &[Row]) -> Result<Vec<(String, P)>, ViewError> {
        let keys: Vec<_> = rows.iter().map(|row| row.value.clone()).collect();
        let views = self.shared.store.load_rows(&tables.views, &keys).await?;
        let mut items = Vec::with_capacity(rows.len());
        let mut values = Vec::new();
        for (row, view) in rows.iter().zip(views) {
            let Some(view) = view else { continue };
            let (key, view) = self.listed(&Row { key: row.value.clone(), value: view })?;
            values.clear();
            view.indexed(index, &mut values);
            if values.iter().any(|value| index_key(P::INDEXES[index], value, &key) == row.key) {
                items.push((key, view));
            }
        }
        Ok(items)
    }
}
