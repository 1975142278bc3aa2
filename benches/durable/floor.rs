//! What the disk can do: the groups that a store wrote, written again to a plain file, each with one write and one fdatasync. Nobody
//! waits for anything else: no clients, no decisions, no index.

use benches::Result;
use benches::load::percentile;
use benches::log::Group;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Where a group is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// The end of the file, which grows: each sync has its length to write, too.
    Grown,
    /// Space that was filled with zeros before.
    Preallocated,
}

/// What writing took.
pub struct Floor {
    /// All of it.
    pub seconds: f64,
    groups: Vec<u32>,
}

impl Floor {
    /// The time that this share of the groups took at most.
    pub fn milliseconds(&self, share: f64) -> f64 {
        percentile(&self.groups, share) / 1e6
    }
}

/// Writes the groups; the file is removed again.
pub fn write(groups: &[Group], path: &Path, space: Space) -> Result<Floor> {
    let largest = groups.iter().map(|group| group.bytes).max().unwrap_or_default();
    // Not zeros, which a disk may know how to leave out.
    let content: Vec<u8> = (0..largest).map(|at| (at % 251) as u8 + 1).collect();
    let length: usize = groups.iter().map(|group| group.bytes).sum();
    if space == Space::Preallocated {
        std::fs::write(path, vec![0; length])?;
    }
    let mut file = File::options().create(true).write(true).truncate(false).open(path)?;
    file.sync_all()?;
    let mut each = Vec::with_capacity(groups.len());
    let begin = Instant::now();
    for group in groups {
        let one = Instant::now();
        file.write_all(&content[..group.bytes])?;
        file.sync_data()?;
        each.push(u32::try_from(one.elapsed().as_nanos()).unwrap_or(u32::MAX));
    }
    let seconds = begin.elapsed().as_secs_f64();
    if file.metadata()?.len() != length as u64 {
        return Err("the file is not as long as what was written".into());
    }
    std::fs::remove_file(path)?;
    each.sort_unstable();
    Ok(Floor { seconds, groups: each })
}
