//! What is known about a command besides its content; stored with every event that it led to.

use super::name::Name;
use super::text::{Actor, CausationId, CommandId, CorrelationId, InvalidText, Tenant};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What is known about the command that led to an event. One value per commit, shared by all its events.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// The command's id: given by its sender or made by the engine's id source.
    pub command_id: CommandId,
    /// The command's registered name.
    pub command: Name,
    /// The conversation. The command id of its first message unless the sender says otherwise.
    pub correlation_id: CorrelationId,
    /// The direct parent: the id of the command or event that led to this command; `None` for the first of a conversation.
    pub causation_id: Option<CausationId>,
    /// Who asked.
    pub actor: Option<Actor>,
    /// On whose behalf.
    pub tenant: Option<Tenant>,
    /// When the engine took the command (UTC, by the engine's clock). For people; nothing in ego orders by it.
    pub time: Timestamp,
    /// Free entries of the sender.
    pub entries: BTreeMap<String, String>,
}

impl Metadata {
    /// The metadata of a command that says nothing of its origin.
    #[must_use]
    pub fn new(command_id: CommandId, command: impl Into<Name>, time: Timestamp) -> Self {
        Self {
            correlation_id: command_id.clone().into(),
            command_id,
            command: command.into(),
            causation_id: None,
            actor: None,
            tenant: None,
            time,
            entries: BTreeMap::new(),
        }
    }
}

/// What a sender says of its command: who, for whom, in which conversation, and free entries.
///
/// ```
/// use ego::message::MetadataDraft;
///
/// let draft = MetadataDraft::new().actor("ann").tenant("shop-7").entry("ip", "192.0.2.1");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MetadataDraft {
    /// The conversation that the command belongs to; one of its own when left out.
    pub correlation_id: Option<String>,
    /// The message that led to the command.
    pub causation_id: Option<String>,
    /// Who asks.
    pub actor: Option<String>,
    /// On whose behalf.
    pub tenant: Option<String>,
    /// Free entries.
    pub entries: BTreeMap<String, String>,
}

impl MetadataDraft {
    /// Says nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What follows from a message: its correlation, actor, tenant and entries are copied down, its command id becomes the
    /// causation id.
    #[must_use]
    pub fn following(parent: &Metadata) -> Self {
        Self {
            correlation_id: Some(parent.correlation_id.to_string()),
            causation_id: Some(parent.command_id.to_string()),
            actor: parent.actor.clone().map(String::from),
            tenant: parent.tenant.clone().map(String::from),
            entries: parent.entries.clone(),
        }
    }

    /// The conversation that the command belongs to.
    #[must_use]
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.correlation_id = Some(id.into());
        self
    }

    /// The message that led to the command.
    #[must_use]
    pub fn causation_id(mut self, id: impl Into<String>) -> Self {
        self.causation_id = Some(id.into());
        self
    }

    /// Who asks.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// On whose behalf.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// One free entry; the last one under a key stands.
    #[must_use]
    pub fn entry(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.entries.insert(key.into(), value.into());
        self
    }

    /// Checks what was said and completes it with what the engine knows.
    ///
    /// # Errors
    /// [`InvalidText`] names the first id, actor or tenant that is empty, longer than 255 bytes or holds a control character.
    pub fn complete(self, command_id: CommandId, command: impl Into<Name>, time: Timestamp) -> Result<Metadata, InvalidText> {
        let mut metadata = Metadata::new(command_id, command, time);
        if let Some(id) = self.correlation_id {
            metadata.correlation_id = CorrelationId::new(id)?;
        }
        metadata.causation_id = self.causation_id.map(CausationId::new).transpose()?;
        metadata.actor = self.actor.map(Actor::new).transpose()?;
        metadata.tenant = self.tenant.map(Tenant::new).transpose()?;
        metadata.entries = self.entries;
        Ok(metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> CommandId {
        CommandId::new(text).unwrap()
    }

    #[test]
    fn the_first_message_starts_its_own_conversation() {
        let metadata = MetadataDraft::new().complete(id("c1"), "Open", Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(metadata.correlation_id.as_str(), "c1");
        assert_eq!(metadata.causation_id, None);
    }

    #[test]
    fn what_follows_keeps_the_conversation_and_names_its_direct_parent() {
        let first = MetadataDraft::new()
            .actor("ann")
            .tenant("t")
            .entry("k", "v")
            .complete(id("c1"), "Open", Timestamp::UNIX_EPOCH)
            .unwrap();
        let second = MetadataDraft::following(&first).complete(id("c2"), "Greet", Timestamp::UNIX_EPOCH).unwrap();
        let third = MetadataDraft::following(&second).complete(id("c3"), "Thank", Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(third.correlation_id.as_str(), "c1");
        assert_eq!(third.causation_id.as_ref().map(CausationId::as_str), Some("c2"));
        assert_eq!((third.actor, third.tenant, third.entries), (first.actor, first.tenant, first.entries));
    }

    #[test]
    fn a_bad_actor_is_refused() {
        let refused = MetadataDraft::new().actor("").complete(id("c"), "Open", Timestamp::UNIX_EPOCH);
        assert_eq!(refused, Err(InvalidText::Empty { what: "an actor" }));
    }
}
