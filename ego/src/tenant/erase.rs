//! Erasing a tenant: every stream, row and checkpoint that it has.

use super::store::TenantStore;
use crate::message::Name;
use crate::store::{RowChange, Step, Store, StoreError};

impl TenantStore {
    /// Erases everything of this tenant for good: its streams as [`Store::erase`] does, its rows and its checkpoints. What is done twice is
    /// no error, so it is done again when it was interrupted. Ids of erased aggregates are not given again: who comes back under the same
    /// name begins with others.
    ///
    /// Nobody should be writing for the tenant meanwhile: what is recorded behind its back stays.
    ///
    /// # Errors
    /// [`StoreError`]; what was erased until then stays so. [`StoreError::Other`] on a store that does not
    /// [list its tables](Store::list_tables): rows are left then.
    pub async fn erase_tenant(&self) -> Result<(), StoreError> {
        const AT_ONCE: usize = 1000;
        // Erased streams are not listed any more: the first page is always the next.
        loop {
            let page = self.list_streams(None, None, AT_ONCE).await?;
            for head in &page.items {
                self.erase(&head.stream).await?;
            }
            if page.next.is_none() {
                break;
            }
        }
        for (consumer, _) in self.list_checkpoints().await? {
            self.delete_checkpoint(&consumer).await?;
        }
        for table in self.list_tables().await? {
            self.remove_rows(&self.names.put(&table)).await?;
        }
        self.remove_rows(&self.names.reach()).await
    }

    async fn remove_rows(&self, table: &Name) -> Result<(), StoreError> {
        const AT_ONCE: usize = 1000;
        loop {
            let page = self.inner.list_rows(table, &[], None, AT_ONCE).await?;
            let rows: Vec<_> = page.items.into_iter().map(|row| RowChange::remove(table.clone(), row.key)).collect();
            if !rows.is_empty() {
                self.inner.step(Step { advance: None, rows }).await?;
            }
            if page.next.is_none() {
                return Ok(());
            }
        }
    }
}
