//! The disk: what a folder holds in the system's memory, and what of it a power cut may leave.
//!
//! The model, chosen to promise as little as a file system may:
//! - A sector, 512 bytes at a multiple of 512, is written whole or not at all.
//! - The content of a file is durable once an fsync or fdatasync of the file ended well that began after the write. That covers the
//!   file's length, and not its name.
//! - Until then each sector holds, independently of all others, what it held at any moment since the last such sync. The length is any
//!   that the file had since, independently of the sectors; what is behind the content that reached the disk reads as zeros.
//! - What happened to names – created, renamed, removed – is durable once an fsync of their folder ended well that began after it.
//!   Until then each such operation happened or not, independently of content and of other names; operations on one name happen in
//!   their order. A rename is one operation on two names.
//! - `sync_file_range` guarantees nothing.
//!
//! What it does not do: files that are linked twice or renamed between folders, files that are mapped into memory for writing, syncs of
//! a whole file system. Nothing of ego-sled or sled does that; the recorder would say so, and the trace is refused.

use crate::Result;
use crate::fate::Fate;
use crate::image::Image;
use crate::trace::Op;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub(crate) const SECTOR: usize = 512;
type Sector = [u8; SECTOR];

/// A value that changed since it was durable: the durable one, then each later one with the number of the operation that made it.
type Versions<T> = Vec<(u64, T)>;

/// Files and folders, as the system has them and as the disk may have them.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    nodes: Vec<Node>,
    inodes: HashMap<u64, usize>,
    /// Syncs that began: of which node, and after which operation.
    syncs: HashMap<u64, (usize, u64)>,
    /// How many operations there were.
    now: u64,
}

#[derive(Clone, Debug)]
enum Node {
    File(File),
    Folder(Folder),
}

#[derive(Clone, Debug, Default)]
struct File {
    /// In whole sectors, zeros behind the end.
    content: Vec<u8>,
    lengths: Versions<u64>,
    /// Those that changed since they were durable.
    sectors: BTreeMap<usize, Versions<Sector>>,
}

#[derive(Clone, Debug, Default)]
struct Folder {
    names: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    pending: Vec<(u64, Names)>,
}

/// What one operation does to names.
type Names = Vec<(String, Option<usize>)>;

const ROOT: usize = 0;

impl Disk {
    /// What a folder holds now, all of it durable.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let mut disk = Self { nodes: Vec::new(), inodes: HashMap::new(), syncs: HashMap::new(), now: 0 };
        disk.load_node(root)?;
        Ok(disk)
    }

    fn load_node(&mut self, path: &Path) -> Result<usize> {
        let about = path.metadata()?;
        let node = self.add(about.ino(), if about.is_dir() { Node::Folder(Folder::default()) } else { Node::File(File::new()) });
        if about.is_dir() {
            let mut names = BTreeMap::new();
            for entry in std::fs::read_dir(path)? {
                let entry = entry?;
                names.insert(entry.file_name().to_string_lossy().into_owned(), self.load_node(&entry.path())?);
            }
            self.nodes[node] = Node::Folder(Folder { durable: names.clone(), names, pending: Vec::new() });
        } else {
            let mut content = std::fs::read(path)?;
            let lengths = vec![(0, content.len() as u64)];
            content.resize(content.len().next_multiple_of(SECTOR), 0);
            self.nodes[node] = Node::File(File { content, lengths, sectors: BTreeMap::new() });
        }
        Ok(node)
    }

    fn add(&mut self, inode: u64, node: Node) -> usize {
        self.nodes.push(node);
        self.inodes.insert(inode, self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// Takes the next operation.
    pub(crate) fn apply(&mut self, op: &Op) -> Result<()> {
        self.now += 1;
        match op {
            Op::Create { inode, path } => {
                let node = self.add(*inode, Node::File(File::new()));
                self.name(path, Some(node))?;
            }
            Op::CreateFolder { inode, path } => {
                let node = self.add(*inode, Node::Folder(Folder::default()));
                self.name(path, Some(node))?;
            }
            Op::Write { inode, at, bytes } => {
                let now = self.now;
                self.file(*inode)?.write(now, usize::try_from(*at)?, bytes);
            }
            Op::Resize { inode, len } => {
                let now = self.now;
                self.file(*inode)?.resize(now, *len)?;
            }
            Op::Rename { from, to } => self.rename(from, to)?,
            Op::Unlink { path } | Op::RemoveFolder { path } => self.name(path, None)?,
            Op::SyncBegins { inode, number } => {
                let node = *self.inodes.get(inode).ok_or("a sync of something that nobody created")?;
                self.syncs.insert(*number, (node, self.now));
            }
            Op::SyncEnds { number } => {
                let (node, began) = self.syncs.remove(number).ok_or("a sync ends that did not begin")?;
                match &mut self.nodes[node] {
                    Node::File(file) => file.sync(began),
                    Node::Folder(folder) => folder.sync(began),
                }
            }
            Op::Mark(_) | Op::WriteBack => {}
        }
        Ok(())
    }

    fn file(&mut self, inode: u64) -> Result<&mut File> {
        match self.inodes.get(&inode).map(|node| &mut self.nodes[*node]) {
            Some(Node::File(file)) => Ok(file),
            _ => Err("a write to a file that nobody created".into()),
        }
    }

    /// The folder that a path is in, and the name in it.
    fn place<'a>(&self, path: &'a str) -> Result<(usize, &'a str)> {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut at = ROOT;
        for part in folders.split('/').filter(|part| !part.is_empty()) {
            let Node::Folder(folder) = &self.nodes[at] else { return Err(format!("{path} is in no folder").into()) };
            at = *folder.names.get(part).ok_or_else(|| format!("{path} is in no folder"))?;
        }
        Ok((at, name))
    }

    fn change(&mut self, folder: usize, names: Names) -> Result<()> {
        let now = self.now;
        let Node::Folder(folder) = &mut self.nodes[folder] else { return Err("a name in no folder".into()) };
        for (name, node) in &names {
            match node {
                Some(node) => drop(folder.names.insert(name.clone(), *node)),
                None => drop(folder.names.remove(name).ok_or_else(|| format!("there is no {name}"))?),
            }
        }
        folder.pending.push((now, names));
        Ok(())
    }

    fn name(&mut self, path: &str, node: Option<usize>) -> Result<()> {
        let (folder, name) = self.place(path)?;
        self.change(folder, vec![(name.to_owned(), node)])
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let ((folder, old), (other, new)) = (self.place(from)?, self.place(to)?);
        if folder != other {
            return Err("a rename between folders".into());
        }
        let Node::Folder(names) = &self.nodes[folder] else { return Err("a name in no folder".into()) };
        let node = *names.names.get(old).ok_or_else(|| format!("there is no {from}"))?;
        self.change(folder, vec![(old.to_owned(), None), (new.to_owned(), Some(node))])
    }

    /// The operations of which not everything is durable.
    pub(crate) fn pending(&self) -> Vec<u64> {
        let mut pending = BTreeSet::new();
        for node in &self.nodes {
            match node {
                Node::File(file) => {
                    pending.extend(file.lengths.iter().skip(1).map(|(op, _)| *op));
                    pending.extend(file.sectors.values().flat_map(|versions| versions.iter().skip(1).map(|(op, _)| *op)));
                }
                Node::Folder(folder) => pending.extend(folder.pending.iter().map(|(op, _)| *op)),
            }
        }
        pending.into_iter().collect()
    }

    /// What a cut leaves, if fate wills it so.
    pub(crate) fn image(&self, fate: &mut Fate) -> Image {
        let mut image = Image::default();
        self.lay_out(ROOT, "", fate, &mut image);
        image
    }

    fn lay_out(&self, node: usize, path: &str, fate: &mut Fate, image: &mut Image) {
        match &self.nodes[node] {
            Node::File(file) => drop(image.files.insert(path.to_owned(), file.content(fate))),
            Node::Folder(folder) => {
                if node != ROOT {
                    image.folders.insert(path.to_owned());
                }
                for (name, node) in folder.names(fate) {
                    let path = if path.is_empty() { name } else { format!("{path}/{name}") };
                    self.lay_out(node, &path, fate, image);
                }
            }
        }
    }
}

impl File {
    fn new() -> Self {
        Self { lengths: vec![(0, 0)], ..Self::default() }
    }

    fn len(&self) -> u64 {
        self.lengths.last().map_or(0, |(_, len)| *len)
    }

    /// Changes sectors; each remembers what it was.
    fn change(&mut self, op: u64, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if self.content.len() < end {
            self.content.resize(end.next_multiple_of(SECTOR), 0);
        }
        let touched = at / SECTOR..end.div_ceil(SECTOR);
        for number in touched.clone() {
            let before = sector(&self.content, number);
            self.sectors.entry(number).or_insert_with(|| vec![(0, before)]);
        }
        self.content[at..end].copy_from_slice(bytes);
        for number in touched {
            let after = sector(&self.content, number);
            if let Some(versions) = self.sectors.get_mut(&number) {
                versions.push((op, after));
            }
        }
    }

    fn write(&mut self, op: u64, at: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.change(op, at, bytes);
        let end = (at + bytes.len()) as u64;
        if end > self.len() {
            self.lengths.push((op, end));
        }
    }

    fn resize(&mut self, op: u64, len: u64) -> Result<()> {
        let (at, end) = (usize::try_from(len)?, self.content.len());
        if at < end {
            self.change(op, at, &vec![0; end - at]);
        }
        self.lengths.push((op, len));
        Ok(())
    }

    fn sync(&mut self, began: u64) {
        forget(&mut self.lengths, began);
        self.sectors.retain(|_, versions| {
            forget(versions, began);
            versions.len() > 1
        });
    }

    fn content(&self, fate: &mut Fate) -> Vec<u8> {
        let len = *fate.choose(&self.lengths);
        let mut content = self.content.clone();
        for (number, versions) in &self.sectors {
            let sector: &Sector = fate.choose(versions);
            content[number * SECTOR..(number + 1) * SECTOR].copy_from_slice(sector);
        }
        content.resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
        content
    }
}

fn sector(content: &[u8], number: usize) -> Sector {
    let mut sector = [0; SECTOR];
    sector.copy_from_slice(&content[number * SECTOR..(number + 1) * SECTOR]);
    sector
}

/// Forgets what was before the version that a sync made durable.
fn forget<T>(versions: &mut Versions<T>, began: u64) {
    let durable = versions.iter().rposition(|(op, _)| *op <= began).unwrap_or(0);
    versions.drain(..durable);
}

impl Folder {
    fn sync(&mut self, began: u64) {
        let later = self.pending.iter().position(|(op, _)| *op > began).unwrap_or(self.pending.len());
        for (_, names) in self.pending.drain(..later) {
            happen(&mut self.durable, names);
        }
    }

    fn names(&self, fate: &mut Fate) -> BTreeMap<String, usize> {
        let mut happens: Vec<bool> = self.pending.iter().map(|(op, _)| fate.happens(*op)).collect();
        // Operations on one name happen in their order: what one relies on happens with it, or it does not happen itself.
        if matches!(fate, Fate::Alone(_)) {
            let mut needed = BTreeSet::new();
            for (happens, (_, change)) in happens.iter_mut().zip(&self.pending).rev() {
                *happens |= change.iter().any(|(name, _)| needed.contains(name));
                needed.extend(change.iter().filter(|_| *happens).map(|(name, _)| name));
            }
        }
        let (mut names, mut waiting) = (self.durable.clone(), BTreeSet::new());
        for (happens, (_, change)) in happens.into_iter().zip(&self.pending) {
            if happens && change.iter().all(|(name, _)| !waiting.contains(name)) {
                happen(&mut names, change.clone());
            } else {
                waiting.extend(change.iter().map(|(name, _)| name));
            }
        }
        names
    }
}

fn happen(names: &mut BTreeMap<String, usize>, change: Names) {
    for (name, node) in change {
        match node {
            Some(node) => drop(names.insert(name, node)),
            None => drop(names.remove(&name)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "these are tests")]
mod tests {
    use super::*;

    const FILE: u64 = 7;
    const ROOT_INODE: u64 = 1;

    /// An empty disk after these operations.
    fn disk(ops: &[Op]) -> Disk {
        let folder = Node::Folder(Folder::default());
        let mut disk = Disk { nodes: vec![folder], inodes: HashMap::from([(ROOT_INODE, ROOT)]), syncs: HashMap::new(), now: 0 };
        ops.iter().for_each(|op| disk.apply(op).unwrap());
        disk
    }

    fn created() -> Vec<Op> {
        vec![Op::Create { inode: FILE, path: "a".to_owned() }]
    }

    fn write(at: usize, byte: u8, len: usize) -> Op {
        Op::Write { inode: FILE, at: at as u64, bytes: vec![byte; len] }
    }

    fn synced(inode: u64) -> Vec<Op> {
        vec![Op::SyncBegins { inode, number: 1 }, Op::SyncEnds { number: 1 }]
    }

    /// What every fate makes of it.
    fn images(ops: &[Op]) -> Vec<Image> {
        let disk = disk(ops);
        let fates = (0..400).map(|seed| Fate::nth(seed % Fate::SORTS, &disk.pending(), seed));
        fates.map(|mut fate| disk.image(&mut fate)).collect()
    }

    fn contents(ops: &[Op]) -> BTreeSet<Option<Vec<u8>>> {
        images(ops).into_iter().map(|image| image.files.get("a").cloned()).collect()
    }

    #[test]
    fn what_was_synced_with_its_name_is_in_every_image() {
        let ops = [created(), vec![write(0, 1, 2000)], synced(FILE), synced(ROOT_INODE)].concat();
        assert_eq!(contents(&ops), BTreeSet::from([Some(vec![1; 2000])]));
    }

    #[test]
    fn a_synced_file_may_lack_its_name_and_a_synced_name_its_content() {
        let name = [created(), vec![write(0, 1, 3)], synced(FILE)].concat();
        assert_eq!(contents(&name), BTreeSet::from([None, Some(vec![1; 3])]));
        let content = [created(), vec![write(0, 1, 3)], synced(ROOT_INODE)].concat();
        assert_eq!(contents(&content), BTreeSet::from([Some(vec![]), Some(vec![0; 3]), Some(vec![1; 3])]));
    }

    #[test]
    fn a_write_that_ended_after_a_sync_began_is_not_covered() {
        let begun = [created(), synced(ROOT_INODE), vec![Op::SyncBegins { inode: FILE, number: 2 }]].concat();
        let ops = [begun, vec![write(0, 1, 3), Op::SyncEnds { number: 2 }]].concat();
        assert!(contents(&ops).contains(&Some(vec![])));
    }

    #[test]
    fn sectors_are_torn_and_reordered_and_never_split() {
        let durable = [created(), vec![write(0, 1, 3 * SECTOR)], synced(FILE), synced(ROOT_INODE)].concat();
        let ops = [durable, vec![write(0, 2, 2 * SECTOR), write(SECTOR, 3, 2 * SECTOR)]].concat();
        let mut kinds = BTreeSet::new();
        for content in contents(&ops).into_iter().flatten() {
            let sectors: Vec<_> = content.chunks(SECTOR).collect();
            assert!(sectors.iter().all(|sector| sector.iter().all(|byte| *byte == sector[0])), "a sector is split");
            kinds.insert(sectors.iter().map(|sector| sector[0]).collect::<Vec<_>>());
        }
        // The first sector from before or after the first write, the second from before, between or after, the third likewise.
        let all: BTreeSet<_> =
            [1, 2].iter().flat_map(|a| [1, 2, 3].iter().flat_map(move |b| [1, 3].map(|c| vec![*a, *b, c]))).collect();
        assert_eq!(kinds, all);
    }

    #[test]
    fn a_rename_happens_as_a_whole_and_after_what_was_done_to_its_names_before() {
        let rename = Op::Rename { from: "a".to_owned(), to: "b".to_owned() };
        let ops = [created(), vec![write(0, 1, 3)], synced(FILE), vec![rename]].concat();
        let names: BTreeSet<Vec<String>> = images(&ops).into_iter().map(|image| image.files.into_keys().collect()).collect();
        let one = |name: &str| vec![name.to_owned()];
        assert_eq!(names, BTreeSet::from([vec![], one("a"), one("b")]));
    }

    #[test]
    fn a_shorter_file_may_still_be_long() {
        let durable = [created(), vec![write(0, 1, 600)], synced(FILE), synced(ROOT_INODE)].concat();
        let lengths: BTreeSet<usize> = contents(&[durable, vec![Op::Resize { inode: FILE, len: 10 }]].concat())
            .into_iter()
            .flatten()
            .map(|all| all.len())
            .collect();
        assert_eq!(lengths, BTreeSet::from([10, 600]));
    }
}
