//! Where the bytes of commits are written: those of many stand in one allocation, and go when the last of them does.

use bytes::{Bytes, BytesMut};
use std::cell::RefCell;

/// How much is allocated at once. A reader that keeps one payload keeps so much in memory.
const CHUNK: usize = 16 << 10;

#[derive(Default)]
struct Arena {
    chunk: BytesMut,
    /// Room to write in; its length is not known before.
    draft: Vec<u8>,
}

thread_local!(static ARENA: RefCell<Arena> = RefCell::default());

/// The bytes that `write` adds to the list that it is given.
pub(super) fn written<E>(write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<Bytes, E> {
    // Taken out meanwhile: what is called may come here again. A draft that something panicked over is not put back.
    let mut draft = ARENA.try_with(|arena| std::mem::take(&mut arena.borrow_mut().draft)).unwrap_or_default();
    draft.clear();
    write(&mut draft)?;
    if draft.len() > CHUNK / 4 {
        return Ok(draft.into());
    }
    let kept = ARENA.try_with(|arena| {
        let mut arena = arena.borrow_mut();
        if arena.chunk.capacity() < draft.len() {
            arena.chunk = BytesMut::with_capacity(CHUNK);
        }
        arena.chunk.extend_from_slice(&draft);
        let bytes = arena.chunk.split().freeze();
        arena.draft = std::mem::take(&mut draft);
        bytes
    });
    Ok(kept.unwrap_or_else(|_| draft.into()))
}

/// Whether `write` would add just these bytes to the list that it is given.
pub(super) fn writes<E>(bytes: &[u8], write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> bool {
    let mut draft = ARENA.try_with(|arena| std::mem::take(&mut arena.borrow_mut().draft)).unwrap_or_default();
    draft.clear();
    let same = write(&mut draft).is_ok() && draft == bytes;
    if draft.capacity() <= CHUNK {
        let _ = ARENA.try_with(|arena| arena.borrow_mut().draft = draft);
    }
    same
}
