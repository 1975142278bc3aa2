//! Removing the inline view of an erased aggregate: nothing will be folded into it any more.

use super::record::Record;
use super::table::Tables;
use crate::model::Mode;
use crate::store::{AnyStore, RowChange, Step, Store, StoreError};
use bytes::Bytes;

/// Removes the view under this key, and its entries in indexes, from the generation that is read. Not an error when there is none.
pub(crate) async fn remove_view(store: &AnyStore, projection: &str, key: &str) -> Result<(), StoreError> {
    let record = Record::load(store, projection, Mode::Inline).await?;
    let Some(built) = record.and_then(|record| record.live) else { return Ok(()) };
    let tables = Tables::new(projection, built.generation);
    let mut start = Bytes::new();
    loop {
        let page = store.list_rows(&tables.index, &start, None, 1000).await?;
        // An entry of an index holds the key of its view.
        let of_key = page.items.into_iter().filter(|row| *row.value == *key.as_bytes());
        let rows = of_key.map(|row| RowChange::remove(tables.index.clone(), row.key)).collect();
        store.step(Step { advance: None, rows }).await?;
        match page.next {
            Some(next) => start = next,
            None => break,
        }
    }
    let rows = vec![RowChange::remove(tables.views, key.to_owned())];
    store.step(Step { advance: None, rows }).await.map(drop)
}
