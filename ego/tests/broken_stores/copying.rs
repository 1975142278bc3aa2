//! What a copy asks for, with a fault.

use super::faults::Fault;
use super::store::Broken;
use ego::message::{CommandId, Name, StreamId};
use ego::store::{Committed, Page, Store, StoreError, StreamHead};

impl Broken {
    fn lists_nothing(&self) -> bool {
        self.again && self.has(Fault::ListsNothingAgain)
    }

    pub(crate) async fn erased_broken(
        &self,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Page<StreamHead, StreamId>, StoreError> {
        let mut page = self.inner.list_erased(after, limit).await?;
        match self.fault {
            Some(Fault::ListsErasedThatHeldSomething) => page.items.retain(|head| head.revision.is_some()),
            Some(Fault::IgnoresLimits) => page.items.extend(page.items.clone()),
            _ if self.lists_nothing() => page = Page { items: Vec::new(), next: None },
            _ => {}
        }
        Ok(page)
    }

    pub(crate) async fn commands_broken(
        &self,
        stream: &StreamId,
        from: u64,
        limit: usize,
    ) -> Result<Page<Committed, u64>, StoreError> {
        let mut page = self.inner.list_commands(stream, from, limit).await?;
        let head = self.inner.stream_head(stream).await?;
        let deleted = head.as_ref().and_then(|head| head.first).map_or(0, |first| first.get() - 1);
        match self.fault {
            Some(Fault::ListsNoCommandsOfNothing) => page.items.retain(|command| command.events > 0),
            Some(Fault::ListsCommandsBackwards) => page.items.reverse(),
            Some(Fault::ListsFewCommands) if from > 100 => page = Page { items: Vec::new(), next: None },
            Some(Fault::ListsNoSaves) if self.inner.load_state(stream).await?.is_some() => page.items.clear(),
            Some(Fault::ListsNoDeletedCommands) => {
                page.items.retain(|command| command.revision.is_none_or(|revision| revision.get() > deleted));
            }
            Some(Fault::ListsErasedCommands) if head.is_some_and(|head| head.erased) => {
                let (command, codec) = ("c".into(), "json".into());
                let command_id = CommandId::new("erased").unwrap();
                let (reply, events) = (bytes::Bytes::new(), 0);
                page.items.push(Committed { revision: None, position: None, events, command_id, command, codec, reply });
            }
            _ if self.lists_nothing() => page = Page { items: Vec::new(), next: None },
            _ => {}
        }
        Ok(page)
    }

    pub(crate) async fn tables_broken(&self) -> Result<Vec<Name>, StoreError> {
        let mut tables = self.inner.list_tables().await?;
        if self.has(Fault::ListsEmptyTables) {
            tables.push("gone".into());
            tables.sort();
        }
        if self.lists_nothing() {
            tables.clear();
        }
        Ok(tables)
    }
}
