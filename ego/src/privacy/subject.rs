//! Where the keys of subjects are: outside of the store, so that one can be destroyed there.

use super::Key;
use crate::store::{Page, PrivacyError};
use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Keeps one key for each subject whose personal data are stored.
///
/// It must be another place than the store, with backups of its own that are kept briefly: a key that comes back from a backup brings
/// back what was forgotten. Methods may be called from any task at any time, also by several programs at once.
#[async_trait]
pub trait SubjectKeys: Send + Sync + 'static {
    /// What is known of the subject's key.
    ///
    /// # Errors
    /// [`PrivacyError::WrongKey`], [`PrivacyError::UnknownKey`] or [`PrivacyError::Tampered`] when it is there and cannot be read;
    /// [`PrivacyError::Keys`] when the place fails.
    async fn get(&self, subject: &str) -> Result<SubjectKey, PrivacyError>;

    /// The subject's key; a new one, durable before this returns, when there is none. One that was destroyed stays destroyed. Of two
    /// that are created at once, one stands, and both calls answer it.
    ///
    /// # Errors
    /// As [`get`](SubjectKeys::get). Nothing was created then.
    async fn create(&self, subject: &str) -> Result<SubjectKey, PrivacyError>;

    /// Destroys the subject's key for good, if there is one, and keeps that the subject was forgotten, and when. Both are durable before
    /// this returns. Doing it again changes nothing, and finishes what a crash has left undone.
    ///
    /// # Errors
    /// [`PrivacyError::Keys`] when the place fails: then the key may or may not be destroyed, and it is to be done again.
    async fn destroy(&self, subject: &str, time: Timestamp) -> Result<(), PrivacyError>;

    /// Subjects that are known or were forgotten, in an order of this place, behind `after` (exclusive). [`Page::next`] is the `after` of
    /// the next page.
    ///
    /// # Errors
    /// As [`get`](SubjectKeys::get).
    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Page<String, String>, PrivacyError>;
}

/// What is known of a subject's key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SubjectKey {
    /// The key.
    Known(Key),
    /// It was destroyed then.
    Forgotten {
        /// When.
        at: Timestamp,
    },
    /// There is none, and there is no word that there ever was one.
    Unknown,
}

/// Keeps keys in memory: for tests, and for stores in memory. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct MemoryKeys(Arc<Mutex<BTreeMap<String, SubjectKey>>>);

impl MemoryKeys {
    /// Without a key.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Loses a key, as a disk does: it is not there, and nobody knows that it was.
    pub fn lose(&self, subject: &str) {
        self.0.lock().remove(subject);
    }
}

#[async_trait]
impl SubjectKeys for MemoryKeys {
    async fn get(&self, subject: &str) -> Result<SubjectKey, PrivacyError> {
        Ok(self.0.lock().get(subject).cloned().unwrap_or(SubjectKey::Unknown))
    }

    async fn create(&self, subject: &str) -> Result<SubjectKey, PrivacyError> {
        Ok(self.0.lock().entry(subject.to_owned()).or_insert_with(|| SubjectKey::Known(Key::generate())).clone())
    }

    async fn destroy(&self, subject: &str, time: Timestamp) -> Result<(), PrivacyError> {
        let mut keys = self.0.lock();
        let key = keys.entry(subject.to_owned()).or_insert(SubjectKey::Unknown);
        if !matches!(key, SubjectKey::Forgotten { .. }) {
            *key = SubjectKey::Forgotten { at: time };
        }
        Ok(())
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Page<String, String>, PrivacyError> {
        let keys = self.0.lock();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut behind = keys.range::<str, _>((from, Bound::Unbounded)).map(|(subject, _)| subject.clone());
        let items: Vec<_> = behind.by_ref().take(limit.max(1)).collect();
        let next = behind.next().and(items.last().cloned());
        Ok(Page { items, next })
    }
}
