//! Reading rows: what the tail says of them covers what the index says. Each read is of one moment, so that a step is seen whole or
//! not at all.

use crate::error;
use crate::find::Reader;
use crate::key;
use crate::row::{Kept, Row, name};
use crate::tail::Tail;
use bytes::Bytes;
use ego::message::Name;
use ego::store::{Page, StoreError};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound;

/// The most rows in a page.
const PAGE_ITEMS: usize = 16 << 10;
/// How many bytes of content end a page.
const PAGE_BYTES: usize = 4 << 20;
/// How often a read begins again because the indexer took something over meanwhile, before it keeps the writer waiting.
const PATIENCE: u32 = 3;

/// What a layer says of a row: `None` when it was removed.
type Layered<'t> = (&'t Bytes, &'t Option<Row>);

impl Reader {
    /// The contents of these rows, in this order.
    pub(crate) fn load_rows(&self, table: &str, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let names: Option<Vec<_>> = keys.iter().map(|key| name(table, key)).collect();
        let Some(names) = names else { return Ok(vec![None; keys.len()]) };
        self.of_one_moment(
            |tail| names.iter().map(|name| layered(tail, name).cloned()).collect::<Vec<_>>(),
            |found| {
                let rows = names.iter().zip(found).map(|(name, found)| found.map_or_else(|| self.index.row(name), Ok));
                rows.collect::<Result<Vec<_>, _>>()
            },
            |rows| rows.into_iter().map(|row| row.map(|row| self.content(row)).transpose()).collect(),
        )
    }

    /// The rows of a table from `start` up to `end`, in the order of their keys.
    pub(crate) fn list_rows(
        &self,
        table: &str,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page<ego::store::Row, Bytes>, StoreError> {
        let (Some(prefix), Some(from)) = (name(table, &[]), name(table, start)) else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let to = end.map_or_else(|| key::behind(&prefix), |end| name(table, end)).unwrap_or_default();
        if to <= from {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let limit = limit.clamp(1, PAGE_ITEMS);
        let range = (Bound::Included(&*from), Bound::Excluded(&*to));
        let of_layers = |tail: &Tail| {
            let live = tail.live.rows.range::<[u8], _>(range);
            let frozen = tail.frozen.iter().flat_map(|frozen| frozen.rows.range::<[u8], _>(range));
            // One more than the page takes, to see whether there is a next one; those that were removed cover the index.
            let mut rows = 0;
            let enough = |(_, row): &Layered<'_>| {
                rows += usize::from(row.is_some());
                rows <= limit + 1
            };
            merged(live, frozen).take_while(enough).map(|(name, row)| (name.clone(), row.clone())).collect::<Vec<_>>()
        };
        let merge = |layered: Vec<_>| {
            let mut taken = Taken { limit, bytes: 0, rows: Vec::new(), next: None };
            let mut layered = layered.into_iter().peekable();
            self.index.table().scan(&key::row(&from), Some(&key::row(&to)), false, |found, value| {
                let found = found.get(1..).unwrap_or_default();
                let mut covered = false;
                while let Some((name, row)) = layered.next_if(|(name, _): &(Bytes, _)| **name <= *found) {
                    covered |= *name == *found;
                    if !taken.take(name, row) {
                        return Ok(false);
                    }
                }
                Ok(covered || taken.take(Bytes::copy_from_slice(found), Some(self.index.row_in(value)?)))
            })?;
            while let (None, Some((name, row))) = (&taken.next, layered.next()) {
                taken.take(name, row);
            }
            Ok(taken)
        };
        let key = |name: Bytes| Bytes::copy_from_slice(name.get(prefix.len()..).unwrap_or_default());
        self.of_one_moment(of_layers, merge, |taken| {
            let rows =
                taken.rows.into_iter().map(|(name, row)| Ok(ego::store::Row { key: key(name), value: self.content(row)? }));
            Ok(Page { items: rows.collect::<Result<_, StoreError>>()?, next: taken.next.map(key) })
        })
    }

    /// The tables that have rows.
    pub(crate) fn list_tables(&self) -> Result<Vec<Name>, StoreError> {
        let mut found = BTreeSet::new();
        {
            let tail = self.shared.tail.read();
            let frozen = tail.frozen.iter().flat_map(|frozen| frozen.rows.keys());
            found.extend(tail.live.rows.keys().chain(frozen).filter_map(|name| table_of(name)));
        }
        let mut start = key::row(&[]);
        let end = key::behind(&start);
        loop {
            let mut table = None;
            self.index.table().scan(&start, end.as_deref(), false, |found, _| {
                table = table_of(found.get(1..).unwrap_or_default());
                Ok(false)
            })?;
            let Some(one) = table else { break };
            let behind = name(&one, &[]).and_then(|prefix| key::behind(&key::row(&prefix)));
            found.insert(one);
            let Some(behind) = behind else { break };
            start = behind;
        }
        let mut tables = Vec::new();
        // What was removed in the tail is in the index still.
        for table in found {
            if !self.list_rows(&table, &[], None, 1)?.items.is_empty() {
                tables.push(table.into());
            }
        }
        Ok(tables)
    }

    // 1. what the tail says, under its lock  2. what the index says of the rest, without it  3. if a layer was frozen meanwhile, the index
    // may hold what is newer than 1: again, in the end under the lock  4. what is in the log; a compaction that takes it away meanwhile
    // leaves something that does not check: again.
    fn of_one_moment<L, F, T>(
        &self,
        of_tail: impl Fn(&Tail) -> L,
        of_index: impl Fn(L) -> Result<F, StoreError>,
        of_log: impl Fn(F) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let tail = self.shared.tail.read();
            let (layered, freezes) = (of_tail(&tail), tail.freezes);
            let found = if tries > PATIENCE {
                let found = of_index(layered);
                drop(tail);
                found?
            } else {
                drop(tail);
                let found = of_index(layered)?;
                if self.shared.tail.read().freezes != freezes {
                    continue;
                }
                found
            };
            match of_log(found) {
                Err(StoreError::Damaged { .. }) if tries <= PATIENCE => {}
                done => return done,
            }
        }
    }

    fn content(&self, row: Row) -> Result<Bytes, StoreError> {
        match row.kept {
            Kept::Here(content) => Ok(content),
            Kept::Logged { len, crc } => {
                let content = self.shared.log.bytes(row.spot, len)?;
                if crc32fast::hash(&content) == crc {
                    return Ok(content);
                }
                let place = self.shared.log.path(row.spot.segment);
                Err(error::damaged(&place, Some(row.spot.offset.into()), "the checksum of a row does not hold"))
            }
        }
    }
}

/// The table in a row's name.
fn table_of(name: &[u8]) -> Option<String> {
    let (len, rest) = name.split_first()?;
    rest.get(..usize::from(*len)).and_then(|table| std::str::from_utf8(table).ok()).map(str::to_owned)
}

fn layered<'t>(tail: &'t Tail, name: &[u8]) -> Option<&'t Option<Row>> {
    let frozen = || tail.frozen.as_ref().and_then(|frozen| frozen.rows.get(name));
    tail.live.rows.get(name).or_else(frozen)
}

/// Two sequences in order as one; the upper one covers the lower one.
fn merged<'t>(
    upper: impl Iterator<Item = Layered<'t>>,
    lower: impl Iterator<Item = Layered<'t>>,
) -> impl Iterator<Item = Layered<'t>> {
    let (mut upper, mut lower) = (upper.peekable(), lower.peekable());
    std::iter::from_fn(move || {
        let order = match (upper.peek(), lower.peek()) {
            (Some((upper, _)), Some((lower, _))) => upper.cmp(lower),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        match order {
            Ordering::Less => upper.next(),
            Ordering::Equal => {
                lower.next();
                upper.next()
            }
            Ordering::Greater => lower.next(),
        }
    })
}

/// A page in the making.
struct Taken {
    limit: usize,
    bytes: usize,
    rows: Vec<(Bytes, Row)>,
    /// The first row that is not in it.
    next: Option<Bytes>,
}

impl Taken {
    /// Takes a row, unless it was removed; false when the page is full.
    fn take(&mut self, name: Bytes, row: Option<Row>) -> bool {
        let Some(row) = row else { return true };
        if self.rows.len() == self.limit || self.bytes >= PAGE_BYTES {
            self.next = Some(name);
            return false;
        }
        self.bytes += row.kept.len();
        self.rows.push((name, row));
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::SledStore;
    use bytes::Bytes;
    use ego::store::{RowChange, Step, Store};
    use std::collections::BTreeSet;

    /// The indexer takes over every few steps meanwhile: neither what it has taken nor what it takes is missed, seen twice or in part.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_moves_into_the_index_is_read_as_of_one_moment() {
        const ROWS: u8 = 50;
        let folder = tempfile::tempdir().unwrap();
        // Four segments are enough for the indexer.
        let store = SledStore::options(folder.path()).segment_bytes(4096).open().unwrap();
        let rows = |number: u32| {
            // Every other row goes with the next step and comes again with the one behind.
            let row = move |key: u8| match (u32::from(key) + number) % 2 {
                0 => RowChange::put("t", vec![key], number.to_be_bytes().to_vec()),
                _ => RowChange::remove("t", vec![key]),
            };
            (0..ROWS).map(row).collect::<Vec<_>>()
        };
        store.step(Step { advance: None, rows: rows(0) }).await.unwrap();
        let writing = tokio::spawn({
            let store = store.clone();
            async move {
                for number in 1..2500 {
                    store.step(Step { advance: None, rows: rows(number) }).await.unwrap();
                }
            }
        });
        let keys: Vec<Bytes> = (0..ROWS).map(|key| vec![key].into()).collect();
        let (mut last, mut done) = (0, false);
        while !done {
            done = writing.is_finished();
            let loaded = store.load_rows("t", &keys).await.unwrap();
            let loaded: Vec<_> = loaded.into_iter().zip(&keys).filter_map(|(row, key)| Some((key.clone(), row?))).collect();
            let listed = store.list_rows("t", b"", None, usize::from(ROWS)).await.unwrap();
            assert_eq!(listed.next, None);
            for seen in [loaded, listed.items.into_iter().map(|row| (row.key, row.value)).collect()] {
                let numbers: BTreeSet<u32> =
                    seen.iter().map(|(_, row)| u32::from_be_bytes(row[..].try_into().unwrap())).collect();
                assert_eq!((seen.len(), numbers.len()), (usize::from(ROWS) / 2, 1), "{numbers:?}");
                let number = *numbers.first().unwrap();
                assert!(number >= last && seen.iter().all(|(key, _)| (u32::from(key[0]) + number).is_multiple_of(2)));
                last = number;
            }
        }
        writing.await.unwrap();
        assert_eq!(last, 2499);
        assert!(store.shared.tail.read().freezes > 50, "nothing moved meanwhile");
    }
}
