//! The rules that every store keeps, on the embedded one: as it is, and behind the erased type with segments so small that most rules
//! go over the end of one.

use ego::store::AnyStore;
use ego_sled::SledStore;

ego::testing::event_store_rules!(sled: |folder| SledStore::open(folder)?);
ego::testing::event_store_rules!(erased: |folder| AnyStore::new(SledStore::options(folder).segment_bytes(4096).open()?));
