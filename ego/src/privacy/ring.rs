//! Keys with their ids: one that is written with, older ones that are still read.

use super::PrivacyError;
use super::key::{Key, Unopened};
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// The keys of a store, or of a folder of keys. What is written is sealed with the current one; what was sealed with an older one is
/// opened as long as the ring holds it.
///
/// To rotate, give a new current key and keep the one before as an older one. What is stored stays as it is (I7): an older key is needed
/// until nothing that was sealed with it is left, for instance because the store was copied.
///
/// ```
/// use ego::privacy::{Key, KeyRing};
///
/// let first = Key::generate();
/// let ring = KeyRing::new(2, Key::generate()).older(1, first);
/// assert_eq!(format!("{ring:?}"), "KeyRing { current: 2, older: [1] }");
/// ```
#[derive(Clone)]
pub struct KeyRing {
    current: u32,
    keys: BTreeMap<u32, Key>,
}

/// The first byte of what a ring has sealed.
const FORMAT: u8 = 1;
const ID: usize = size_of::<u32>();

impl KeyRing {
    /// How many bytes sealing adds.
    #[cfg(test)]
    pub(super) const OVERHEAD: usize = 1 + ID + Key::OVERHEAD;

    /// A ring with the key that is written with. Its id stands with all that is sealed with it, so it belongs to this key for good.
    #[must_use]
    pub fn new(id: u32, key: Key) -> Self {
        Self { current: id, keys: BTreeMap::from([(id, key)]) }
    }

    /// The same with a key that is still read with. The current one stays under its id.
    #[must_use]
    pub fn older(mut self, id: u32, key: Key) -> Self {
        self.keys.entry(id).or_insert(key);
        self
    }

    /// The id of the key that is written with.
    #[must_use]
    pub fn current(&self) -> u32 {
        self.current
    }

    /// `format id`, then as [`Key::seal`] writes it.
    pub(super) fn seal(&self, place: &[u8], plain: &[u8]) -> Vec<u8> {
        let sealed = self.keys.get(&self.current).map(|key| key.seal(place, plain)).unwrap_or_default();
        [&[FORMAT][..], &self.current.to_be_bytes(), &sealed].concat()
    }

    /// Whether it was sealed with the current key.
    pub(super) fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.get(1..=ID) == Some(&self.current.to_be_bytes())
    }

    pub(super) fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, PrivacyError> {
        let parts =
            sealed.split_first().filter(|(format, _)| **format == FORMAT).and_then(|(_, rest)| rest.split_first_chunk::<ID>());
        let (id, sealed) = parts.ok_or(PrivacyError::Tampered)?;
        let id = u32::from_be_bytes(*id);
        let key = self.keys.get(&id).ok_or(PrivacyError::UnknownKey { id })?;
        key.open(place, sealed).map_err(|unopened| match unopened {
            Unopened::WrongKey => PrivacyError::WrongKey { of: format!("the id {id}").into() },
            Unopened::Tampered => PrivacyError::Tampered,
        })
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let older: Vec<_> = self.keys.keys().filter(|id| **id != self.current).collect();
        f.debug_struct("KeyRing").field("current", &self.current).field("older", &older).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_tells_an_unknown_key_from_a_wrong_one_and_from_damage() {
        let first = Key::generate();
        let sealed = KeyRing::new(1, first.clone()).seal(b"p", b"x");
        assert_eq!(sealed.len(), 1 + KeyRing::OVERHEAD);
        let rotated = KeyRing::new(2, Key::generate()).older(1, first);
        assert_eq!(rotated.open(b"p", &sealed).map(|plain| plain.to_vec()), Ok(b"x".to_vec()));
        assert_eq!(KeyRing::new(2, Key::generate()).open(b"p", &sealed), Err(PrivacyError::UnknownKey { id: 1 }));
        let wrong = KeyRing::new(1, Key::generate()).open(b"p", &sealed);
        assert!(matches!(wrong, Err(PrivacyError::WrongKey { .. })), "{wrong:?}");
        assert_eq!(rotated.open(b"q", &sealed), Err(PrivacyError::Tampered));
        assert_eq!(rotated.open(b"p", b"x"), Err(PrivacyError::Tampered));
        assert_eq!(rotated.seal(b"p", b"x")[1..5], [0, 0, 0, 2]);
    }
}
