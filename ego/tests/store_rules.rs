//! The stores of ego keep the rules that every store keeps.

use ego::store::{AnyStore, MemoryStore};

ego::testing::event_store_rules!(memory: MemoryStore::new());
ego::testing::event_store_rules!(any: AnyStore::new(MemoryStore::new()));
