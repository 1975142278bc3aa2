//! Reading, with a fault.

use super::faults::Fault;
use super::store::Broken;
use ego::message::{Position, Revision, StreamId};
use ego::store::{Direction, Filter, Page, RecordedEvent, Store, StoreError, StreamHead};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

type Events<N> = Result<Page<RecordedEvent, N>, StoreError>;

impl Broken {
    pub(crate) async fn read_stream_broken(
        &self,
        stream: &StreamId,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Events<Revision> {
        let stream = &self.name(stream);
        let head = self.inner.stream_head(stream).await?;
        let (last, first) = head.as_ref().map_or((None, None), |head| (head.revision, head.first));
        let forwards = direction == Direction::Forwards;
        let empty = Ok(Page { items: Vec::new(), next: None });
        let deleted = from.is_some_and(|from| Some(from) < first);
        let mut from = from;
        match self.fault {
            Some(Fault::UnknownStreamFails) if head.is_none() => return Err(StoreError::other("reading", std::fmt::Error)),
            Some(Fault::StreamStartsBehind) if forwards => from = from.map(Revision::next),
            Some(Fault::StreamStartsBefore) if !forwards => {
                from = match from.map(|from| Revision::new(from.get() - 1)) {
                    Some(None) => return empty,
                    before => before.flatten(),
                }
            }
            Some(Fault::WrongEnd) if from.is_none() => from = if forwards { last } else { first },
            Some(Fault::NothingBeforeBeyond) if !forwards && from > last => return empty,
            Some(Fault::LastEventBeyond) if forwards && from > last && last.is_some() => from = last,
            Some(Fault::ZeroIsNothing) if limit == 0 => return empty,
            Some(Fault::NothingFromDeleted) if deleted && forwards => return empty,
            Some(Fault::BackwardsFromDeleted) if deleted && !forwards => from = first,
            _ => {}
        }
        let limit = if self.has(Fault::IgnoresLimits) { limit.saturating_mul(2) } else { limit };
        let mut page = self.inner.read_stream(stream, from, direction, limit).await?;
        match self.fault {
            Some(Fault::StreamSkips) if forwards => page.next = page.next.map(Revision::next),
            Some(Fault::StreamSkips) => page.next = page.next.and_then(|next| Revision::new(next.get() - 1)),
            Some(Fault::FullPageEnds) if page.items.len() == limit => page.next = None,
            Some(Fault::EndsLate) if forwards && page.items.len() == limit && page.next.is_none() => {
                page.next = last.map(Revision::next);
            }
            Some(Fault::ReadsBackwards) if forwards => page.items.reverse(),
            Some(Fault::LogIsCached) if forwards => {
                let mut kept = self.kept();
                if kept.log.is_none() && from > last {
                    kept.log = Some(Vec::new());
                } else if kept.log.is_some() {
                    page.items.clear();
                    page.next = None;
                }
            }
            _ => {}
        }
        self.seen(&mut page.items).await?;
        Ok(page)
    }

    pub(crate) async fn read_log_broken(&self, after: Option<Position>, filter: &Filter, limit: usize) -> Events<Position> {
        let one = limit.max(1);
        let mut after = after;
        if self.has(Fault::LogStartsAt) {
            after = after.and_then(|after| Position::new(after.get() - 1));
        }
        let mut asked = filter.clone();
        match self.fault {
            Some(Fault::IgnoresTags) => asked.tags.clear(),
            Some(Fault::IgnoresNames) => asked.names.clear(),
            Some(Fault::IgnoresStreams) => asked.streams.clear(),
            Some(Fault::ZeroIsNothing) if limit == 0 => return Ok(Page { items: Vec::new(), next: None }),
            Some(Fault::EmptyPageEnds | Fault::EmptyPageLoops) => return self.filter_pages(after, filter, one).await,
            Some(Fault::LogIsCached) => {
                let log = self.kept().log.clone();
                let log = match log {
                    Some(log) => log,
                    None => {
                        let log = self.all().await?;
                        if after == self.inner.head().await? {
                            self.kept().log = Some(log.clone());
                        }
                        log
                    }
                };
                return Ok(paged(log, after, filter, one));
            }
            Some(Fault::AsksForAllTags | Fault::KindsByPrefix | Fault::FilterIsOr) => {
                let log: Vec<_> = self.all().await?.into_iter().filter(|event| self.lets_through(event, filter)).collect();
                return Ok(paged(log, after, &Filter::all(), one));
            }
            Some(Fault::ErasedEventsInTheLog | Fault::DeletedEventsInTheLog) => {
                let mut log = self.all().await?;
                log.extend(self.kept().events.iter().cloned());
                log.sort_by_key(|event| event.position);
                return Ok(paged(log, after, filter, one));
            }
            Some(Fault::LogLagsBehind) => {
                let mut log = self.all().await?;
                log.pop();
                return Ok(paged(log, after, filter, one));
            }
            Some(Fault::LateEvents) => {
                let mut log = self.all().await?;
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis();
                // Every third millisecond, some are not there yet.
                log.retain(|event| !now.is_multiple_of(3) || event.position.get() % 7 != 0);
                return Ok(paged(log, after, filter, one));
            }
            _ => {}
        }
        let limit = if self.has(Fault::IgnoresLimits) { limit.saturating_mul(2) } else { limit };
        let mut page = self.inner.read_log(after, &asked, limit).await?;
        match self.fault {
            Some(Fault::LogSkips) => page.next = page.next.map(Position::next),
            Some(Fault::LogRepeats) => {
                page.next =
                    page.next.and_then(|next| Position::new(next.get() - 1)).filter(|next| Some(*next) > after).or(page.next);
            }
            Some(Fault::FullPageEnds) if page.items.len() == limit => page.next = None,
            Some(Fault::EndsLate) if page.items.len() == limit && page.next.is_none() => page.next = self.inner.head().await?,
            _ => {}
        }
        self.seen(&mut page.items).await?;
        Ok(page)
    }

    /// Takes a page first and filters it then.
    async fn filter_pages(&self, after: Option<Position>, filter: &Filter, limit: usize) -> Events<Position> {
        let mut page = self.inner.read_log(after, &Filter::all(), limit).await?;
        page.items.retain(|event| filter.matches(&event.stream, &event.name, &event.tags));
        if page.items.is_empty() && page.next.is_some() {
            page.next = if self.has(Fault::EmptyPageEnds) { None } else { after.or(page.next) };
        }
        Ok(page)
    }

    fn lets_through(&self, event: &RecordedEvent, filter: &Filter) -> bool {
        let kind = filter.kinds.is_empty() || filter.kinds.iter().any(|kind| event.stream.kind() == &**kind);
        let name = filter.names.is_empty() || filter.names.contains(&event.name);
        let tag = filter.tags.is_empty() || event.tags.iter().any(|tag| filter.tags.contains(tag));
        let stream = filter.streams.is_empty() || filter.streams.contains(&event.stream);
        stream
            && match self.fault {
                Some(Fault::AsksForAllTags) => kind && name && filter.tags.iter().all(|tag| event.tags.contains(tag)),
                Some(Fault::KindsByPrefix) => {
                    let begins = filter.kinds.iter().any(|kind| event.stream.kind().starts_with(&**kind));
                    (filter.kinds.is_empty() || begins) && name && tag
                }
                _ => {
                    let (kinds, names, tags) = (&filter.kinds, &filter.names, &filter.tags);
                    let wanted = [(kinds.is_empty(), kind), (names.is_empty(), name), (tags.is_empty(), tag)];
                    let asked: Vec<_> = wanted.into_iter().filter(|(all, _)| !all).collect();
                    asked.is_empty() || asked.iter().any(|(_, matches)| *matches)
                }
            }
    }

    /// What the fault makes of the events that are read.
    async fn seen(&self, events: &mut [RecordedEvent]) -> Result<(), StoreError> {
        for event in events {
            match self.fault {
                Some(Fault::PayloadsAreText) => {
                    event.payload = String::from_utf8_lossy(&event.payload).into_owned().into();
                }
                Some(Fault::CutsPayloads) => event.payload.truncate(64 << 10),
                Some(Fault::ThinMetadata) => {
                    let metadata = Arc::make_mut(&mut event.metadata);
                    metadata.entries.clear();
                }
                Some(Fault::SortsTags) => event.tags.sort(),
                Some(Fault::VersionsAreBytes) => event.version = event.version.min(255),
                Some(Fault::OnePositionPerCommit) => {
                    let committed = self.inner.find_command(&event.stream, &event.metadata.command_id).await?;
                    event.position = committed.and_then(|committed| committed.position).unwrap_or(event.position);
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) async fn list_broken(
        &self,
        kind: Option<&str>,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Page<StreamHead, StreamId>, StoreError> {
        let one = limit.max(1);
        let mut all = self.inner.list_streams(None, None, usize::MAX).await?.items;
        if self.has(Fault::ListsErased) {
            all.extend(self.kept().heads.values().cloned());
            all.sort_by(|a, b| a.stream.cmp(&b.stream));
        }
        if self.has(Fault::ListsByText) {
            all.sort_by_key(|head| head.stream.to_string());
        }
        if let Some(after) = after {
            match all.iter().position(|head| head.stream == *after) {
                Some(index) if self.has(Fault::ListStartsAt) => drop(all.drain(..index)),
                Some(index) => drop(all.drain(..=index)),
                None if self.has(Fault::ListNeedsAKnownName) => {}
                None => all.retain(|head| head.stream > *after),
            }
        }
        all.retain(|head| match kind {
            Some(kind) if self.has(Fault::ListsKindsByPrefix) => head.stream.kind().starts_with(kind),
            Some(kind) => head.stream.kind() == kind,
            None => true,
        });
        if self.has(Fault::ListsNoEmptyStreams) {
            all.retain(|head| head.revision.is_some());
        }
        for head in &mut all {
            self.head_seen(head);
            if self.has(Fault::ListsWithoutRevisions) {
                head.revision = None;
            }
        }
        let next = (all.len() > one).then(|| all[one - usize::from(!self.has(Fault::ListSkips))].stream.clone());
        let next = next.filter(|_| !self.has(Fault::FullPageEnds));
        all.truncate(one);
        Ok(Page { items: all, next })
    }

    pub(crate) fn head_seen(&self, head: &mut StreamHead) {
        match self.fault {
            Some(Fault::HeadsWithoutPosition) => head.position = None,
            Some(Fault::EmptyStreamIsNone) if head.first.is_none() => head.revision = None,
            _ => {}
        }
    }

    pub(crate) async fn head_broken(&self) -> Result<Option<Position>, StoreError> {
        let head = self.inner.head().await?;
        Ok(match self.fault {
            Some(Fault::HeadEarly) => (*self.notes.early.borrow()).max(head),
            Some(Fault::HeadMovesOnRefusal) => Position::after(head, self.notes.refusals.load(Ordering::Relaxed)),
            Some(Fault::HeadGoesBack | Fault::StatesDoNotMoveTheHead) => self.all().await?.last().map(|event| event.position),
            Some(Fault::PositionsGoBackWhenClosed) if self.again => self.all().await?.last().map(|event| event.position),
            _ => head,
        })
    }
}

/// A page of a log that is there as a whole.
fn paged(mut log: Vec<RecordedEvent>, after: Option<Position>, filter: &Filter, limit: usize) -> Page<RecordedEvent, Position> {
    log.retain(|event| Some(event.position) > after && filter.matches(&event.stream, &event.name, &event.tags));
    let more = log.len() > limit;
    log.truncate(limit);
    let next = if more { log.last().map(|event| event.position) } else { None };
    Page { items: log, next }
}
