//! Who may read what is stored, and how somebody is forgotten.
//!
//! [`Encrypted`] is a store around another that seals all content with the keys of a [`KeyRing`].
//!
//! **Forgetting somebody.** Events stay as they were recorded (I7), so what is personal in them is sealed under a key of its own for each
//! subject, which is kept elsewhere ([`SubjectKeys`]) and can be destroyed: `#[event(subject = owner)]` on an event and `#[personal]` on
//! its fields, [`derive(Personal)`](macro@crate::Personal) on the payload of an event, on a state that is stored, on a view. The engine puts
//! a store around its own that seals what is written and opens what is read: recovery, subscriptions, projections, reactors, publishers
//! and tools read the same. [`Engine::forget`](crate::Engine::forget) destroys a key. From then on everybody reads the redacted value,
//! and everything still replays.
//!
//! | what | is sealed |
//! |---|---|
//! | events | their personal fields |
//! | durable states, snapshots | the personal fields of the state; a state that is stored has to say what is personal in it |
//! | views, inline ones, too | the personal fields of the view, likewise |
//! | dead letters | the personal fields of the event, and the text of the error, which may quote them |
//! | replies | whole, under the keys of all whose data the stream holds, unless they are numbers, truths or empty |
//!
//! **Not sealed**: ids of aggregates, keys of views and values of indexes, tags, metadata, and the ids of subjects. An id that tells a
//! name, as a mail address does, does not fit for any of them. What a publisher has sent out, or a reactor has done with it, is where it
//! was sent. What was recorded before a field became personal stays as it was recorded.
//!
//! **Forgotten, lost and wrong are three things.** Forgotten: there is the word that a key was destroyed, and the redacted value is read.
//! Lost: there is neither a key nor that word, and reading is an error, [`PrivacyError::KeyLost`]. Wrong: there is another key,
//! [`PrivacyError::WrongKey`], or the bytes were changed or moved, [`PrivacyError::Tampered`].
//!
//! **Afterwards** new events and states with personal data of somebody who was forgotten are refused
//! ([`Refusal::Privacy`](crate::store::Refusal::Privacy)), and what is derived from older events – views, snapshots – gets the redacted
//! value. A reply that was sealed, or that comes from a stream with data of somebody who was forgotten, is given once: repeating its command
//! is an error, too, and has no second effect.
//!
//! **Several programs on one store** may share a place of keys. Each keeps keys in memory for half a minute at most; what an aggregate or a
//! view holds in memory of another program it holds until it is loaded anew, and what is written of it is redacted or refused.
//!
//! **Sagas** keep what they are given in records of their own, which are not sealed: one that follows events with personal fields has to
//! say that it keeps and sends none of them (`#[derive(Personal)]`, `#[personal(none)]`), and such an event cannot wait in an instance.
//! **Timers** hold commands: one of a kind with personal fields has to say what is personal in it.

mod encrypted;
mod files;
mod forget;
mod json;
mod key;
mod keychain;
mod model;
mod parts;
mod ring;
mod rows;
mod subject;
mod vault;

pub use crate::store::PrivacyError;
pub use encrypted::Encrypted;
pub use files::FileKeys;
pub use forget::{ForgetFailure, ForgetReport};
pub use key::{InvalidKey, Key};
pub(crate) use model::Personal;
pub use ring::KeyRing;
pub use subject::{MemoryKeys, SubjectKey, SubjectKeys};

use crate::store::AnyStore;
use keychain::Keychain;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use vault::Vault;

/// How an engine seals what is personal.
pub(crate) struct Privacy {
    /// The store as it was given.
    pub(crate) at_rest: AnyStore,
    pub(crate) personal: Arc<Personal>,
    keychain: Arc<Keychain>,
    forgotten: AtomicU64,
}

impl Privacy {
    pub(crate) fn new(at_rest: AnyStore, personal: Personal, keys: Arc<dyn SubjectKeys>) -> Self {
        let keychain = Arc::new(Keychain::new(keys));
        Self { at_rest, personal: Arc::new(personal), keychain, forgotten: AtomicU64::new(0) }
    }

    /// The store that seals and opens.
    pub(crate) fn store(&self) -> AnyStore {
        AnyStore::new(Vault::new(self.at_rest.clone(), Arc::clone(&self.personal), Arc::clone(&self.keychain)))
    }

    /// Grows each time somebody is forgotten: what is in memory from before may hold their data.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Acquire)
    }
}
