//! The rules that every store keeps, on the embedded one.

use ego::store::AnyStore;
use ego_sled::SledStore;

ego::testing::event_store_rules!(sled: |folder| SledStore::open(folder)?);
ego::testing::event_store_rules!(erased: |folder| AnyStore::new(SledStore::open(folder)?));
