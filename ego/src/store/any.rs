//! Any store behind one type: the one address of dynamic dispatch over stores.

use super::Store;
use crate::delegate_store;
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;

/// Any [`Store`]; cloning shares it.
#[derive(Clone)]
pub struct AnyStore(Arc<dyn Store>);

impl AnyStore {
    /// Takes a store.
    pub fn new<S: Store>(store: S) -> Self {
        Self(Arc::new(store))
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyStore").field("capabilities", &self.0.capabilities()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for AnyStore {
    delegate_store!(0: capabilities, append, immediate, is_new_command, find_command, stream_head, read_stream, read_log, head,
        wait_for_head, list_streams, list_erased, list_commands, list_tables, event_types, save_snapshot, load_snapshot,
        delete_snapshot, load_state, read_states, save_checkpoint, load_checkpoint, list_checkpoints, delete_checkpoint, step,
        load_rows, list_rows, delete_up_to, erase, close);
}
