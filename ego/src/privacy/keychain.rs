//! The keys of subjects as the vault uses them: some in memory, bounded, and gone when the subject is forgotten.

use super::{Key, SubjectKey, SubjectKeys};
use crate::store::PrivacyError;
use lru::LruCache;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What may be done for a subject.
#[derive(Clone, Debug)]
pub(super) enum Held {
    Key(Key),
    Forgotten,
    Lost,
}

/// The subjects that one piece of work has asked for.
pub(super) type Hand = HashMap<Arc<str>, Held>;

pub(super) struct Keychain {
    keys: Arc<dyn SubjectKeys>,
    cache: Mutex<Cache>,
}

struct Cache {
    held: LruCache<Arc<str>, (Held, Instant)>,
    /// Grows when somebody is forgotten: what was asked for before is not kept any more.
    forgotten: u64,
}

impl Keychain {
    /// So many subjects are kept in memory.
    const SUBJECTS: usize = 10_000;
    /// So long: then another program may have forgotten them.
    const FRESH: Duration = Duration::from_secs(30);

    pub(super) fn new(keys: Arc<dyn SubjectKeys>) -> Self {
        Self { keys, cache: Mutex::new(Cache { held: LruCache::unbounded(), forgotten: 0 }) }
    }

    /// The subject's key; when there is none, it is lost, or created if that is wanted.
    pub(super) async fn held(&self, subject: &Arc<str>, create: bool) -> Result<Held, PrivacyError> {
        let before = {
            let mut cache = self.cache.lock();
            if let Some((held, since)) = cache.held.get(subject)
                && since.elapsed() < Self::FRESH
            {
                return Ok(held.clone());
            }
            cache.forgotten
        };
        let found = if create { self.keys.create(subject).await } else { self.keys.get(subject).await };
        let held = match found.map_err(|error| of(subject, error))? {
            SubjectKey::Known(key) => Held::Key(key),
            SubjectKey::Forgotten { .. } => Held::Forgotten,
            // Never from memory: it may be created at any time.
            SubjectKey::Unknown => return Ok(Held::Lost),
        };
        let mut cache = self.cache.lock();
        if cache.forgotten == before {
            cache.held.put(Arc::clone(subject), (held.clone(), Instant::now()));
            while cache.held.len() > Self::SUBJECTS {
                cache.held.pop_lru();
            }
        }
        Ok(held)
    }

    /// Destroys the subject's key, and forgets what is in memory of it.
    pub(super) async fn destroy(&self, subject: &str, time: jiff::Timestamp) -> Result<(), PrivacyError> {
        let destroyed = self.keys.destroy(subject, time).await;
        // Also after an error: it may be destroyed.
        let mut cache = self.cache.lock();
        cache.held.pop(subject);
        cache.forgotten += 1;
        destroyed
    }
}

/// A key that is there and cannot be read is told with whose it is.
fn of(subject: &Arc<str>, error: PrivacyError) -> PrivacyError {
    match error {
        PrivacyError::WrongKey { of } => PrivacyError::WrongKey { of: format!("the key of {subject:?}, under {of}").into() },
        other => other,
    }
}
