//! What the recorder wrote (`recorder.c`): one operation after the other, in the order in which they happened.

use crate::Result;
use std::path::Path;

/// Something that happened to a file or folder. Paths are from the recorded folder on.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Create {
        inode: u64,
        path: String,
    },
    CreateFolder {
        inode: u64,
        path: String,
    },
    Write {
        inode: u64,
        at: u64,
        bytes: Vec<u8>,
    },
    Resize {
        inode: u64,
        len: u64,
    },
    Rename {
        from: String,
        to: String,
    },
    Unlink {
        path: String,
    },
    RemoveFolder {
        path: String,
    },
    /// A sync of a file or folder began.
    SyncBegins {
        inode: u64,
        number: u64,
    },
    /// It ended well.
    SyncEnds {
        number: u64,
    },
    /// The process said something.
    Mark(String),
    /// `sync_file_range`: guarantees nothing.
    WriteBack,
}

/// Reads a trace. What the model of the disk does not know is an error.
pub(crate) fn read(path: &Path) -> Result<Vec<Op>> {
    let bytes = std::fs::read(path)?;
    let (mut rest, mut ops) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let mut number = || -> Result<u64> {
            let (number, behind) = rest.split_first_chunk().ok_or("the trace ends within a record")?;
            rest = behind;
            Ok(u64::from_le_bytes(*number))
        };
        let (kind, inode, at, first, second) = (number()?, number()?, number()?, number()?, number()?);
        let mut part = |len: u64| -> Result<Vec<u8>> {
            let (part, behind) = rest.split_at_checked(usize::try_from(len)?).ok_or("the trace ends within a record")?;
            rest = behind;
            Ok(part.to_vec())
        };
        let (first, second) = (part(first)?, part(second)?);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec());
        ops.push(match kind {
            1 => Op::Create { inode, path: text(&first)? },
            2 => Op::CreateFolder { inode, path: text(&first)? },
            3 => Op::Write { inode, at, bytes: first },
            4 => Op::Resize { inode, len: at },
            5 => Op::Rename { from: text(&first)?, to: text(&second)? },
            6 => Op::Unlink { path: text(&first)? },
            7 => Op::RemoveFolder { path: text(&first)? },
            8 => Op::SyncBegins { inode, number: at },
            9 => Op::SyncEnds { number: at },
            10 => Op::Mark(text(&first)?),
            11 => return Err(format!("the model of the disk does not know {}", text(&first)?).into()),
            12 => Op::WriteBack,
            other => return Err(format!("there is no record of kind {other}").into()),
        });
    }
    Ok(ops)
}
