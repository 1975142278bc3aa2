//! The groups in the log of an embedded store, as `ego-sled/FORMAT.md` says they lie there: what was written with one write, and made
//! durable with one sync.

use crate::Result;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// One write, one sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// So many bytes were written.
    pub bytes: usize,
    /// So many positions were taken.
    pub events: u32,
}

const SEGMENT_HEADER: u64 = 64;
const GROUP_HEADER: usize = 56;

/// The groups of a closed store behind this position, in their order.
///
/// # Errors
/// The log cannot be read.
pub fn groups(store: &Path, after: u64) -> Result<Vec<Group>> {
    let mut segments: Vec<_> = std::fs::read_dir(store.join("log"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    segments.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
    segments.sort();
    let mut groups = Vec::new();
    for segment in segments {
        groups_of_segment(&segment, after, &mut groups)?;
    }
    Ok(groups)
}

fn groups_of_segment(segment: &Path, after: u64, groups: &mut Vec<Group>) -> Result<()> {
    let mut file = BufReader::new(std::fs::File::open(segment)?);
    file.seek(SeekFrom::Start(SEGMENT_HEADER))?;
    let mut header = [0; GROUP_HEADER];
    while file.read_exact(&mut header).is_ok() && header.starts_with(b"egoG") {
        let u32_at = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let [kind, events, body] = [4, 40, 44].map(u32_at);
        let before = u64::from(u32_at(32)) | u64::from(u32_at(36)) << 32;
        let body = (body as usize).next_multiple_of(8);
        if kind == 1 && before >= after {
            groups.push(Group { bytes: GROUP_HEADER + body, events });
        }
        file.seek_relative(i64::try_from(body)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{self, Account, Credit};
    use ego::prelude::*;
    use ego_sled::SledStore;

    #[test]
    fn every_event_is_in_a_group() {
        let folder = tempfile::tempdir().unwrap();
        let events = crate::load::runtime().unwrap().block_on(async {
            let store = SledStore::options(folder.path()).segment_bytes(64 << 10).open().unwrap();
            let engine = account::engine(store, 100).await.unwrap();
            for _ in 0..500 {
                engine.send::<Account>("one", Credit { amount: 1 }).await.unwrap();
            }
            account::stop(engine).await.unwrap();
            groups(folder.path(), 100).unwrap()
        });
        assert_eq!(events.iter().map(|group| group.events).sum::<u32>(), 400);
        assert!(events.iter().all(|group| group.bytes > GROUP_HEADER + 50 && group.bytes % 8 == 0), "{events:?}");
        assert!(std::fs::read_dir(folder.path().join("log")).unwrap().count() > 1, "several segments were read");
    }
}
