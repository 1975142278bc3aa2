//! The bytes of files, as somebody finds them who has no keys.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file below the folder, with its bytes.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    files
}

/// Panics when one of the texts stands in a file, or in its name.
pub(crate) fn holds_nothing_of(folder: &Path, secrets: &[&[u8]]) {
    let files = files(folder);
    assert!(!files.is_empty(), "nothing was looked at");
    for (path, bytes) in files {
        for secret in secrets {
            let found = |text: &[u8]| memchr::memmem::find(text, secret).is_some();
            let name = path.file_name().unwrap().as_encoded_bytes();
            assert!(!found(&bytes) && !found(name), "{} stands in {}", String::from_utf8_lossy(secret), path.display());
        }
    }
}
