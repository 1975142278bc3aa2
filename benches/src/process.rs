//! What the operating system says of this process and its files, and running one's own program as a child.

use crate::Result;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

/// Bytes of this process that are in memory.
///
/// # Errors
/// The operating system does not say (it needs `/proc`).
pub fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("there is no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}

/// The bytes that a folder takes on the disk, and the sum of the lengths of its files.
///
/// # Errors
/// It cannot be read.
pub fn folder_bytes(folder: &Path) -> io::Result<(u64, u64)> {
    let (mut taken, mut length) = (0, 0);
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            let (inner_taken, inner_length) = folder_bytes(&entry.path())?;
            (taken, length) = (taken + inner_taken, length + inner_length);
        } else {
            (taken, length) = (taken + metadata.blocks() * 512, length + metadata.len());
        }
    }
    Ok((taken, length))
}

/// This program again, told by an environment variable to do something else than measure: read it with [`errand`].
///
/// # Errors
/// The program's own file is not known.
pub fn child(errand: &str) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env(ERRAND, errand);
    Ok(command)
}

/// What this process was started for by [`child`]; nothing when it was started by hand.
#[must_use]
pub fn errand() -> Option<String> {
    std::env::var(ERRAND).ok()
}

const ERRAND: &str = "BENCHES_ERRAND";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_in_use_is_resident() {
        let before = resident_bytes().unwrap();
        let used = vec![1_u8; 32 << 20];
        let after = resident_bytes().unwrap();
        assert!(after >= before + (24 << 20), "{before} {after} {}", used.len());
    }

    #[test]
    fn a_folder_is_measured_with_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        std::fs::write(folder.path().join("inner/file"), [7; 10_000]).unwrap();
        let (taken, length) = folder_bytes(folder.path()).unwrap();
        assert_eq!(length, 10_000);
        assert!((10_000..100_000).contains(&taken), "{taken}");
    }
}
