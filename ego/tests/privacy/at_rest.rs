//! A store behind keys keeps the rules of all stores, and shows nothing.

use crate::narrow::Narrow;
use ego::privacy::{Encrypted, Key, KeyRing};
use ego::store::MemoryStore;
use ego_sled::SledStore;

fn ring() -> KeyRing {
    KeyRing::new(1, Key::new([7; Key::LEN]))
}

// Ciphers that are not optimized take a second for what a commit may hold of these stores.
ego::testing::event_store_rules!(memory: Encrypted::open(Narrow(MemoryStore::new()), ring()).await?);
ego::testing::event_store_rules!(sled: |folder| Encrypted::open(Narrow(SledStore::open(folder)?), ring()).await?);
