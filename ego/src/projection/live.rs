//! Live projections: nothing is kept; a view is folded from the streams of its key when it is read.

use super::cursor::Cursor;
use super::error::ViewError;
use super::fold::fold_once;
use super::projected::Projected;
use super::source::{Source, Sources};
use super::views::{Listed, Order, Query};
use crate::engine::{RecoveryError, Shared};
use crate::message::{Name, Position, Revision, StreamId};
use crate::model::{Delivery, Stored};
use crate::store::{Direction, Page, RecordedEvent, Store, StoreError, StreamHead};
use crate::subscription::delivery;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::collections::VecDeque;

/// How many views of a page are folded at the same time.
const AT_ONCE: usize = 16;

impl<P: Sources> Projected<P> {
    /// The view of this key as of now.
    pub(super) async fn live(&self, key: &str) -> Result<Option<P>, ViewError> {
        // Several streams are read one after the other: up to one place, so that nothing is seen without what came before it.
        let upto = if P::SOURCES.len() > 1 { self.shared.store.head().await? } else { None };
        self.fold_streams(key, upto, delivery).await
    }

    /// Views in the order of their keys, from `start` (inclusive) up to `end` (exclusive).
    pub(super) async fn live_page(&self, query: &Query, start: &[u8], end: Option<&[u8]>) -> Listed<P> {
        let unlistable = |reason| ViewError::Unlistable { projection: P::NAME, reason };
        let [source] = P::SOURCES else { return Err(unlistable("a live projection of several kinds keeps no list of its keys")) };
        if !matches!(query.order, Order::Key) {
            return Err(unlistable("a live projection keeps no index"));
        }
        let Page { items, next } = self.ids(source, start, end, query.limit).await?;
        let views = items.into_iter().map(|id| async move { Ok::<_, ViewError>((self.live(&id).await?, id)) });
        let views: Vec<_> = stream::iter(views).buffered(AT_ONCE).try_collect().await?;
        let items = views.into_iter().filter_map(|(view, id)| Some((id, view?))).collect();
        Ok(Page { items, next: next.map(|start| Cursor::new(P::NAME, None, start)) })
    }

    /// Ids of streams that hold something, from `start` on, which need not be one.
    async fn ids(
        &self,
        source: &Source<P>,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page<String, Vec<u8>>, ViewError> {
        let store = &self.shared.store;
        // The last id that may stand before `start`, or `start` itself.
        let first = StreamId::new(Name::fixed(source.kind), id_in(start)).ok();
        let mut items = Vec::new();
        if let Some(first) = first.as_ref().filter(|first| first.id().as_bytes() == start)
            && let Some(StreamHead { erased: false, .. }) = store.stream_head(first).await?
        {
            items.push(first.id().to_owned());
        }
        let (mut last, mut after) = (items.last().cloned(), first);
        while items.len() < limit {
            let page = store.list_streams(Some(source.kind), after.as_ref(), limit - items.len()).await?;
            let ids = page.items.iter().map(|head| head.stream.id()).filter(|id| id.as_bytes() >= start);
            items.extend(ids.map(str::to_owned));
            last = page.next.as_ref().map(|last| last.id().to_owned());
            after = page.next;
            // A cursor stands behind `start`.
            if last.as_ref().is_none_or(|last| last.as_bytes() >= start) {
                break;
            }
        }
        if items.last().is_some_and(|id| end.is_some_and(|end| id.as_bytes() >= end)) {
            last = None;
        }
        items.retain(|id| end.is_none_or(|end| id.as_bytes() < end));
        // No id holds a zero byte: this is right behind the last one.
        Ok(Page { items, next: last.map(|last| [last.as_bytes(), &[0]].concat()) })
    }

    /// Folds the streams of this key in the order of the log, up to this position if one is given.
    pub(super) async fn fold_streams(
        &self,
        key: &str,
        upto: Option<Position>,
        delivery: fn(&Shared, &RecordedEvent) -> Delivery,
    ) -> Result<Option<P>, ViewError> {
        let mut readers = Vec::with_capacity(P::SOURCES.len());
        for source in P::SOURCES {
            readers.push(Reader {
                source,
                stream: StreamId::new(Name::fixed(source.kind), key)?,
                next: Some(None),
                begun: false,
                page: VecDeque::new(),
            });
        }
        let (mut view, mut given) = (None, Vec::new());
        loop {
            let mut first: Option<(usize, Position)> = None;
            for (index, reader) in readers.iter_mut().enumerate() {
                if let Some(position) = self.peek(key, reader).await?
                    && first.is_none_or(|(_, earliest)| position < earliest)
                {
                    first = Some((index, position));
                }
            }
            let Some((index, position)) = first.filter(|(_, position)| upto.is_none_or(|upto| *position <= upto)) else {
                return Ok(view);
            };
            let reader = &mut readers[index];
            let Some(event) = reader.page.pop_front() else { return Ok(view) };
            self.decode_event(key, reader.source, &event, &mut given)?;
            for (ordinal, given) in given.drain(..).enumerate() {
                let delivery = delivery(&self.shared, &event).with_ordinal(u32::try_from(ordinal).unwrap_or(u32::MAX));
                fold_once(&*given, &mut view, &delivery, 1).await.map_err(|failure| ViewError::Unfoldable {
                    projection: P::NAME,
                    key: key.to_owned(),
                    position,
                    failure,
                })?;
            }
        }
    }

    /// The position of the next event of a stream. From a part of the events no view is folded.
    async fn peek(&self, key: &str, reader: &mut Reader<P>) -> Result<Option<Position>, ViewError> {
        let store = &self.shared.store;
        let deleted = |first| {
            let source = StoreError::HistoryDeleted { first }.into();
            ViewError::Events { projection: P::NAME, key: key.to_owned(), source }
        };
        while reader.page.is_empty() {
            let Some(from) = reader.next else { return Ok(None) };
            let Page { items, next } =
                store.read_stream(&reader.stream, from, Direction::Forwards, self.shared.limits.page).await?;
            if items.is_empty()
                && from.is_none()
                && let Some(StreamHead { revision: Some(last), first: None, erased: false, .. }) =
                    store.stream_head(&reader.stream).await?
            {
                return Err(deleted(last.next()));
            }
            (reader.page, reader.next) = (items.into(), next.map(Some));
        }
        let Some(event) = reader.page.front() else { return Ok(None) };
        if !reader.begun && event.revision != Revision::FIRST {
            return Err(deleted(event.revision));
        }
        reader.begun = true;
        Ok(Some(event.position))
    }

    fn decode_event(
        &self,
        key: &str,
        source: &Source<P>,
        event: &RecordedEvent,
        given: &mut Vec<Box<dyn super::source::Given<P>>>,
    ) -> Result<(), ViewError> {
        let stored = Stored { name: &event.name, version: event.version, payload: &event.payload };
        let codec = self.shared.codecs.named(&event.codec);
        codec.and_then(|codec| (source.read)(stored, codec, given)).map_err(|error| ViewError::Events {
            projection: P::NAME,
            key: key.to_owned(),
            source: RecoveryError::Unreadable { revision: event.revision, source: error },
        })
    }
}

/// The longest beginning that may be an aggregate's id.
fn id_in(start: &[u8]) -> &str {
    let text = start.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let end = text.char_indices().find(|(at, c)| c.is_control() || at + c.len_utf8() > StreamId::MAX_ID_BYTES);
    &text[..end.map_or(text.len(), |(at, _)| at)]
}

/// A stream that is read page by page.
struct Reader<P: 'static> {
    source: &'static Source<P>,
    stream: StreamId,
    /// Where the next page starts; the outer `None` at the end.
    next: Option<Option<Revision>>,
    begun: bool,
    page: VecDeque<RecordedEvent>,
}
