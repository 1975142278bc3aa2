//! Why something sealed cannot be read, or something personal cannot be written.

use std::sync::Arc;

/// Why something sealed could not be opened, or something personal not be sealed. Nothing was written, and what is stored is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivacyError {
    /// It was sealed with a key that the ring does not hold.
    #[error("it was sealed with the key {id}, which was not given")]
    UnknownKey {
        /// The key's id.
        id: u32,
    },
    /// It was sealed with another key than the one that was given for it.
    #[error("it was sealed with another key than the one that was given for {of}")]
    WrongKey {
        /// What the key is for: the id of a key, or a subject.
        of: Arc<str>,
    },
    /// It does not check: it was changed, cut, or moved there from elsewhere.
    #[error("what is sealed was changed, cut or moved")]
    Tampered,
    /// The subject's key is not there, and nobody destroyed it.
    #[error("the key of {subject:?} is lost")]
    KeyLost {
        /// Whose key.
        subject: Arc<str>,
    },
    /// The subject was forgotten.
    #[error("{subject:?} was forgotten")]
    Forgotten {
        /// Who.
        subject: Arc<str>,
    },
    /// The subject of something personal is not told: its field is neither a text that is not empty nor a whole number.
    #[error("{field} is personal, and whose it is, is not told")]
    NoSubject {
        /// The path of the personal field.
        field: Arc<str>,
    },
    /// The content does not look as its type says: it is no JSON, or lacks the personal field.
    #[error("the personal field {field} is not found in what is to be written")]
    NotFound {
        /// The path of the field.
        field: Arc<str>,
    },
    /// A command that is to be sent later, of a kind with something personal, says nothing of what is personal in it.
    #[error(
        "the command {command:?} is stored to be sent later: derive `ego::Personal` for it, and mark what is personal, or say `#[personal(none)]`"
    )]
    Undeclared {
        /// Its registered name.
        command: Arc<str>,
    },
    /// The content holds something that would be taken for a sealed value when it is read.
    #[error("it holds what looks as if it was sealed")]
    Forged,
    /// The keys could not be read or kept.
    #[error("{action} failed: {reason}")]
    Keys {
        /// What was done with them.
        action: Arc<str>,
        /// Why it failed.
        reason: Arc<str>,
    },
}

impl PrivacyError {
    /// The place where keys are kept failed while it was doing `action`.
    pub fn keys(action: impl Into<Arc<str>>, reason: impl std::fmt::Display) -> Self {
        Self::Keys { action: action.into(), reason: reason.to_string().into() }
    }
}
