//! A folder as values: what a cut left, to be laid down somewhere and opened.

use crate::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Everything in a folder, by its path from there on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) folders: BTreeSet<String>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Image {
    /// What a folder holds.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut image = Self::default();
        image.read_folder(root, "")?;
        Ok(image)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.read_folder(&entry.path(), &format!("{path}/"))?;
                self.folders.insert(path);
            } else {
                self.files.insert(path, std::fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    /// Writes it into an empty folder.
    pub(crate) fn lay_down(&self, root: &Path) -> Result<()> {
        for folder in &self.folders {
            std::fs::create_dir_all(root.join(folder))?;
        }
        for (file, content) in &self.files {
            std::fs::write(root.join(file), content)?;
        }
        Ok(())
    }

    /// The same for the same image, and hardly for another.
    pub(crate) fn sum(&self) -> u64 {
        let (mut low, mut high) = (crc32fast::Hasher::new(), crc32fast::Hasher::new_with_initial(1));
        for (path, content) in &self.files {
            low.update(path.as_bytes());
            low.update(content);
            high.update(&low.clone().finalize().to_le_bytes());
        }
        self.folders.iter().for_each(|path| high.update(path.as_bytes()));
        u64::from(high.finalize()) << 32 | u64::from(low.finalize())
    }

    /// The paths that are in one of two and not the other, or differ.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let files = self.files.keys().chain(other.files.keys()).filter(|path| self.files.get(*path) != other.files.get(*path));
        let folders = self.folders.symmetric_difference(&other.folders);
        files.chain(folders).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }
}
