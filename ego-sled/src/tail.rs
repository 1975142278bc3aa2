//! What is durable and not in the index yet: the newest part of the log, in memory, in two layers. The writer adds to the live one;
//! the indexer freezes it, applies it, and drops it. Readers look into live, frozen, index, in this order, so that whatever moves
//! down meanwhile is found at least once; the ordinals of commits tell what was found twice.
//!
//! A key of the index costs more than many commits to the same stream and many changes of the same row, so a layer grows until it has
//! taken much memory, or until opening would have much of the log to apply again ([`LayerRoom`]).

use crate::hash::Table;
use crate::key::{CommitRef, Head};
use crate::log::{Place, Spot};
use crate::row::{ChangedRow, Row};
use bytes::Bytes;
use ego::message::{Position, StreamId};
use ego::store::EventType;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many bytes of the log stand between two marks, at least.
const MARK_BYTES: u32 = 16 << 10;

/// About how many bytes of memory a stream takes in a layer, a commit to it, where its state was saved, and a row besides its name and
/// content.
const STREAM_BYTES: usize = 256;
const COMMIT_BYTES: usize = 48;
const SAVE_BYTES: usize = 96;
const ROW_BYTES: usize = 192;

/// So many streams are enough for a layer: they go to the index in one batch, and whoever reads it waits meanwhile.
const MANY_STREAMS: usize = 16 << 10;

/// How large a layer grows before the indexer takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerRoom {
    /// How many bytes of memory, about.
    pub(crate) bytes: usize,
    /// How many bytes of the log.
    pub(crate) log: u64,
}

/// Everything that readers may see.
pub(crate) struct Tail {
    room: LayerRoom,
    pub(crate) live: Layer,
    pub(crate) frozen: Option<Arc<Layer>>,
    /// Where the durable log ends, and its head.
    pub(crate) reach: Reach,
    /// Few, and rarely one more: who compares takes all of them along.
    pub(crate) types: Arc<BTreeSet<EventType>>,
    pub(crate) checkpoints: BTreeMap<String, Option<Position>>,
    /// Whether any stream may have lost events.
    pub(crate) deletions: bool,
    /// How often a layer was frozen: while it stands, the index holds nothing that is not in the layers of that time.
    pub(crate) freezes: u64,
    last_mark: Option<Spot>,
}

/// A place in the log between two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The last group before it.
    pub(crate) sequence: u64,
    /// The head of the log there.
    pub(crate) position: u64,
    /// Where the next group begins.
    pub(crate) spot: Spot,
}

/// Some groups in a row, as the index will know them.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) streams: Table<StreamId, LayerStream>,
    /// The streams that were saved as a state, by the position of the last save.
    pub(crate) saves: BTreeMap<u64, StreamId>,
    /// Positions, each the first of the group that begins at the spot.
    pub(crate) marks: Vec<(u64, Spot)>,
    pub(crate) types: Vec<EventType>,
    /// Changed checkpoints; `None` for consumers that were forgotten.
    pub(crate) checkpoints: BTreeMap<String, Option<u64>>,
    /// Changed rows by their names; `None` for those that were removed.
    pub(crate) rows: BTreeMap<Bytes, Option<Row>>,
    /// How far the layer goes; `None` while it is empty.
    pub(crate) reach: Option<Reach>,
    /// How many bytes of memory it takes, about.
    pub(crate) bytes: usize,
    /// How many bytes of the log it holds.
    pub(crate) log: u64,
}

/// What a layer knows of a stream.
#[derive(Debug, Default)]
pub(crate) struct LayerStream {
    pub(crate) head: Head,
    pub(crate) commits: Vec<CommitRef>,
    /// The stream was erased in this layer: what lower ones hold of it counts no more.
    pub(crate) wiped: bool,
}

impl LayerStream {
    /// How many commits there are before those of the layer.
    pub(crate) fn first(&self) -> u64 {
        self.head.commits.saturating_sub(self.commits.len() as u64)
    }
}

/// What a recorded entry changes.
#[derive(Debug)]
pub(crate) enum Effect {
    /// A commit was recorded; the head is the one after it.
    Commit {
        stream: StreamId,
        head: Head,
        commit: CommitRef,
        types: Vec<EventType>,
    },
    /// Events were deleted.
    Delete {
        stream: StreamId,
        head: Head,
    },
    Erase {
        stream: StreamId,
        head: Head,
    },
    /// A consumer's checkpoint (0 for the start), or that it was forgotten.
    Checkpoint {
        consumer: String,
        position: Option<u64>,
    },
    /// Shapes that nothing else tells of any more.
    Types(Vec<EventType>),
    /// Rows of the entry in this place.
    Rows {
        rows: Vec<ChangedRow>,
        place: Place,
    },
}

impl Tail {
    pub(crate) fn new(reach: Reach, room: LayerRoom) -> Self {
        Self {
            room,
            live: Layer::default(),
            frozen: None,
            reach,
            types: Arc::default(),
            checkpoints: BTreeMap::new(),
            deletions: false,
            freezes: 0,
            last_mark: None,
        }
    }

    /// Shows a group to readers: what it changed, where it began, and how far the log reaches now.
    pub(crate) fn publish(&mut self, effects: impl IntoIterator<Item = Effect>, began: Spot, reach: Reach) {
        let before = self.reach.position;
        let marked = self
            .last_mark
            .is_some_and(|mark| mark.segment == began.segment && began.offset.saturating_sub(mark.offset) < MARK_BYTES);
        if reach.position > before && !marked {
            self.live.marks.push((before + 1, began));
            self.last_mark = Some(began);
        }
        for effect in effects {
            self.take(effect);
        }
        // A group stands in one segment.
        self.live.log += u64::from(reach.spot.offset.saturating_sub(began.offset));
        self.live.reach = Some(reach);
        self.reach = reach;
    }

    fn take(&mut self, effect: Effect) {
        let live = &mut self.live;
        match effect {
            Effect::Commit { stream, head, commit, types } => {
                if head.state.is_some() {
                    live.save(&stream, &head);
                }
                let known = live.stream(stream);
                known.head = head;
                known.commits.push(commit);
                live.bytes += COMMIT_BYTES;
                self.learn(types);
            }
            Effect::Delete { stream, head } => {
                live.stream(stream).head = head;
                self.deletions = true;
            }
            Effect::Erase { stream, head } => {
                live.save(&stream, &head);
                *live.stream(stream) = LayerStream { head, commits: Vec::new(), wiped: true };
                self.deletions = true;
            }
            Effect::Checkpoint { consumer, position } => {
                match position {
                    Some(position) => self.checkpoints.insert(consumer.clone(), Position::new(position)),
                    None => self.checkpoints.remove(&consumer),
                };
                live.checkpoints.insert(consumer, position);
            }
            Effect::Types(types) => self.learn(types),
            Effect::Rows { rows, place } => rows.into_iter().for_each(|changed| live.put(changed, place)),
        }
    }

    fn learn(&mut self, types: Vec<EventType>) {
        for one in types {
            if !self.types.contains(&one) {
                Arc::make_mut(&mut self.types).insert(one.clone());
                self.live.types.push(one);
            }
        }
    }

    /// Hands what is live to the indexer; `None` when there is nothing.
    pub(crate) fn freeze(&mut self) -> Option<Arc<Layer>> {
        self.live.reach?;
        self.freezes += 1;
        let layer = Arc::new(std::mem::take(&mut self.live));
        self.frozen = Some(Arc::clone(&layer));
        Some(layer)
    }

    /// The layers that know a stream, the newest first, down to where it was erased.
    pub(crate) fn layers(&self, stream: &StreamId) -> impl Iterator<Item = &LayerStream> {
        let mut wiped = false;
        [self.live.streams.get(stream), self.frozen.as_ref().and_then(|frozen| frozen.streams.get(stream))]
            .into_iter()
            .flatten()
            .take_while(move |layer| {
                let beneath = wiped;
                wiped |= layer.wiped;
                !beneath
            })
    }

    /// The nearest mark at or before a position that is not in the index yet.
    pub(crate) fn mark(&self, position: u64) -> Option<Spot> {
        let nearest = |layer: &Layer| {
            let count = layer.marks.partition_point(|(first, _)| *first <= position);
            layer.marks.get(count.checked_sub(1)?).map(|(_, spot)| *spot)
        };
        nearest(&self.live).or_else(|| self.frozen.as_ref().and_then(|frozen| nearest(frozen)))
    }

    /// Whether the live layer is enough for the index.
    pub(crate) fn is_due(&self) -> bool {
        self.is_large() || self.live.streams.len() >= MANY_STREAMS
    }

    fn is_large(&self) -> bool {
        self.live.bytes >= self.room.bytes || self.live.log >= self.room.log
    }

    /// Whether the writer has to wait: a layer is being applied, and there is no room for more of the next one (I12).
    pub(crate) fn is_full(&self) -> bool {
        self.frozen.is_some() && self.is_large()
    }
}

impl Layer {
    fn stream(&mut self, stream: StreamId) -> &mut LayerStream {
        self.streams.entry(stream).or_insert_with(|| {
            self.bytes += STREAM_BYTES;
            LayerStream::default()
        })
    }

    fn put(&mut self, changed: ChangedRow, place: Place) {
        let row = changed.row(place);
        let size = |row: &Option<Row>| row.as_ref().map_or(0, |row| row.kept.memory());
        self.bytes += size(&row);
        if let Some(known) = self.rows.get_mut(&changed.name) {
            self.bytes -= size(known);
            *known = row;
        } else {
            self.bytes += ROW_BYTES + changed.name.len();
            // A copy: the name of a row must not keep the whole step.
            self.rows.insert(Bytes::copy_from_slice(&changed.name), row);
        }
    }

    /// The stream is about to have this head: its state, if it keeps one, was saved there last.
    fn save(&mut self, stream: &StreamId, head: &Head) {
        let before = self.streams.get(stream).and_then(|known| self.saves.remove(&known.head.position));
        if let Some(position) = head.save() {
            self.bytes += if before.is_none() { SAVE_BYTES } else { 0 };
            self.saves.insert(position, stream.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::RecordedStep;
    use ego::store::RowChange;

    fn tail(bytes: usize, log: u64) -> Tail {
        Tail::new(Reach { sequence: 0, position: 0, spot: Spot::first(1) }, LayerRoom { bytes, log })
    }

    /// One group more, of so many bytes of the log.
    fn publish(tail: &mut Tail, effect: Effect, bytes: u32) {
        let began = tail.reach.spot;
        let spot = Spot { offset: began.offset + bytes, ..began };
        tail.publish([effect], began, Reach { sequence: tail.reach.sequence + 1, spot, ..tail.reach });
    }

    fn commit(id: u32) -> Effect {
        let stream = StreamId::new("account", id.to_string()).unwrap();
        let commit = CommitRef { revision: 1, events: 1, place: Place { segment: 1, offset: 64, len: 8 }, command: 1 };
        Effect::Commit { stream, head: Head::default(), commit, types: Vec::new() }
    }

    #[test]
    fn a_row_that_changes_again_and_again_takes_room_once_and_does_not_hold_on_to_its_steps() {
        let mut tail = tail(usize::MAX, u64::MAX);
        let place = Place { segment: 1, offset: 64, len: 8 };
        let mut contents = Vec::new();
        for number in 0..1000 {
            let rows = [RowChange::put("t", "again", vec![0; 400]), RowChange::put("t", "less", vec![0; 400 - number % 400])];
            let RecordedStep { content, rows, .. } = RecordedStep::new(None, &rows).unwrap();
            contents.push(content);
            publish(&mut tail, Effect::Rows { rows, place }, 1000);
        }
        let taken = 2 * ROW_BYTES + "\u{1}tagain".len() + "\u{1}tless".len() + 400 + 400 - 999 % 400;
        assert_eq!((tail.live.rows.len(), tail.live.bytes, tail.live.log), (2, taken, 1_000_000));
        assert!(contents.iter().all(Bytes::is_unique));
    }

    #[test]
    fn a_layer_is_due_when_it_takes_much_memory_or_much_of_the_log_or_has_many_streams() {
        let mut of_memory = tail(10 * (STREAM_BYTES + COMMIT_BYTES), u64::MAX);
        let mut of_log = tail(usize::MAX, 10 * 96);
        for id in 0..10 {
            assert!(!of_memory.is_due() && !of_log.is_due(), "{id}");
            publish(&mut of_memory, commit(id), 96);
            publish(&mut of_log, commit(0), 96);
        }
        assert!(of_memory.is_due() && of_log.is_due());
        let mut of_streams = tail(usize::MAX, u64::MAX);
        (0..MANY_STREAMS as u32 - 1).for_each(|id| publish(&mut of_streams, commit(id), 96));
        publish(&mut of_streams, commit(0), 96);
        assert!(!of_streams.is_due());
        publish(&mut of_streams, commit(u32::MAX), 96);
        assert!(of_streams.is_due() && !of_streams.is_full());
        // The next one may fill while it is applied, and then the writer waits.
        for tail in [&mut of_memory, &mut of_log] {
            tail.freeze().unwrap();
            for id in 0..10 {
                assert!(!tail.is_full(), "{id}");
                publish(tail, commit(id), 96);
            }
            assert!(tail.is_full());
            tail.frozen = None;
            assert!(tail.is_due() && !tail.is_full());
        }
    }
}
