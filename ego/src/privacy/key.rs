//! Keys, and what is sealed with them.
//!
//! The cipher is XAES-256-GCM (C2SP): AES-256-GCM under a key that is derived for each message from the key and the first half of a
//! nonce of 192 random bits. So random nonces never run out: 2^80 messages may be sealed with one key before two nonces are alike with
//! a probability of 2^-32; with the 96 bits of AES-GCM alone it would be 2^32 messages.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::aes::cipher::BlockCipherEncrypt;
use aes_gcm::{Aes256Gcm, Nonce};
use rand::Rng;
use std::fmt;
use std::str::FromStr;
use zeroize::{Zeroize, Zeroizing};

/// A secret of 256 bits. It is wiped from memory when it is dropped, and shows nothing of itself.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; Key::LEN]>);

/// Why sealed bytes were not opened. Nothing of them is known then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unopened {
    /// They were sealed with another key.
    WrongKey,
    /// They were changed, cut, or belong elsewhere.
    Tampered,
}

const CHECK: usize = 4;
const NONCE: usize = 24;
const BLOCK: usize = 16;

impl Key {
    /// Its length in bytes.
    pub const LEN: usize = 32;

    /// How many bytes sealing adds.
    #[cfg(test)]
    pub(super) const OVERHEAD: usize = CHECK + NONCE + BLOCK;

    /// A key of these bytes, which have to be as random as those of [`generate`](Key::generate): a password is no key.
    #[must_use]
    pub fn new(bytes: [u8; Key::LEN]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new random key.
    #[must_use]
    pub fn generate() -> Self {
        let mut key = Zeroizing::new([0; Key::LEN]);
        rand::rng().fill_bytes(key.as_mut());
        Self(key)
    }

    /// The secret itself, to be kept somewhere safe.
    #[must_use]
    pub fn expose(&self) -> &[u8; Key::LEN] {
        &self.0
    }

    /// `check nonce ciphertext tag`. What stands in `place` is not stored, but has to be the same when it is opened.
    pub(super) fn seal(&self, place: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        rand::rng().fill_bytes(&mut nonce);
        // Fails on messages of more than 64 GiB only; stores take none of that size.
        let sealed = self.encrypt(&nonce, place, plain).unwrap_or_default();
        [&self.check()[..], &nonce, &sealed].concat()
    }

    /// What was sealed with this key for this place.
    pub(super) fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let (check, rest) = sealed.split_at_checked(CHECK).ok_or(Unopened::Tampered)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(Unopened::Tampered)?;
        if check != self.check() {
            return Err(Unopened::WrongKey);
        }
        let (derived, nonce) = self.derive(nonce);
        let opened = Aes256Gcm::new(&(*derived).into()).decrypt(&Nonce::from(nonce), Payload { msg: sealed, aad: place });
        opened.map(Zeroizing::new).map_err(|_| Unopened::Tampered)
    }

    fn encrypt(&self, nonce: &[u8; NONCE], place: &[u8], plain: &[u8]) -> Result<Vec<u8>, aes_gcm::Error> {
        let (derived, nonce) = self.derive(nonce);
        Aes256Gcm::new(&(*derived).into()).encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: place })
    }

    /// The key and the nonce of one message, as C2SP writes them down: two blocks of CMAC (NIST SP 800-108r1) in counter mode.
    fn derive(&self, nonce: &[u8; NONCE]) -> (Zeroizing<[u8; Key::LEN]>, [u8; 12]) {
        let (head, tail) = nonce.split_at(NONCE / 2);
        let aes = Aes256::new(&(*self.0).into());
        let mut subkey = block(&aes, [0; BLOCK]);
        let carry = subkey[0] >> 7;
        for at in 0..BLOCK {
            let next = if at + 1 < BLOCK { subkey[at + 1] >> 7 } else { 0 };
            subkey[at] = subkey[at] << 1 | next;
        }
        subkey[BLOCK - 1] ^= carry * 0b1000_0111;
        let mut derived = Zeroizing::new([0; Key::LEN]);
        for (counter, half) in (1..).zip(derived.chunks_exact_mut(BLOCK)) {
            let mut message = [0; BLOCK];
            message[..4].copy_from_slice(&[0, counter, b'X', 0]);
            message[4..].copy_from_slice(head);
            message.iter_mut().zip(&subkey).for_each(|(byte, key)| *byte ^= key);
            half.copy_from_slice(&block(&aes, message));
        }
        subkey.zeroize();
        let mut short = [0; NONCE / 2];
        short.copy_from_slice(tail);
        (derived, short)
    }

    /// Tells keys apart without telling anything else of them.
    fn check(&self) -> [u8; CHECK] {
        let sealed = block(&Aes256::new(&(*self.0).into()), *b"ego: which key?\0");
        [sealed[0], sealed[1], sealed[2], sealed[3]]
    }
}

fn block(aes: &Aes256, bytes: [u8; BLOCK]) -> [u8; BLOCK] {
    let mut block = bytes.into();
    aes.encrypt_block(&mut block);
    block.into()
}

/// One text for what is sealed: parts that cannot run into each other.
pub(super) fn place(parts: &[&str]) -> Vec<u8> {
    let mut place = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        // Names, ids and keys are far shorter than 4 GiB.
        place.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        place.extend(part.as_bytes());
    }
    place
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// A text is no key: 64 hexadecimal digits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is written as 64 hexadecimal digits")]
pub struct InvalidKey;

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let mut key = Zeroizing::new([0; Key::LEN]);
        if text.len() != 2 * Key::LEN {
            return Err(InvalidKey);
        }
        for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(InvalidKey);
            *byte = digit(digits[0])? << 4 | digit(digits[1])?;
        }
        Ok(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The accumulated vectors of <https://c2sp.org/XAES-256-GCM>: both sides of the carry.
    #[test]
    fn the_cipher_is_xaes_256_gcm() {
        let nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX";
        for (key, place, expected) in [
            (1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
            (3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
        ] {
            let sealed = Key::new([key; 32]).encrypt(nonce, place.as_bytes(), b"XAES-256-GCM").unwrap();
            let hex: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }

    #[test]
    fn what_was_sealed_is_opened_with_the_same_key_for_the_same_place_only() {
        let (key, other) = (Key::generate(), Key::generate());
        let sealed = key.seal(b"here", b"ann");
        assert_eq!(sealed.len(), 3 + Key::OVERHEAD);
        assert_eq!(key.open(b"here", &sealed).map(|plain| plain.to_vec()), Ok(b"ann".to_vec()));
        assert_eq!(other.open(b"here", &sealed), Err(Unopened::WrongKey));
        assert_eq!(key.open(b"there", &sealed), Err(Unopened::Tampered));
        for cut in 0..sealed.len() {
            assert!(key.open(b"here", &sealed[..cut]).is_err());
        }
        for bit in CHECK * 8..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(b"here", &flipped), Err(Unopened::Tampered), "bit {bit}");
        }
        assert_ne!(key.seal(b"here", b"ann"), sealed, "a nonce was used twice");
    }

    #[test]
    fn parts_of_a_place_do_not_run_into_each_other() {
        assert_ne!(place(&["ab", "c"]), place(&["a", "bc"]));
        assert_ne!(place(&["a", ""]), place(&["a"]));
    }

    #[test]
    fn a_key_is_written_in_hexadecimal_and_shows_nothing() {
        let key: Key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eFF".parse().unwrap();
        assert_eq!((key.expose()[1], key.expose()[31]), (1, 255));
        assert_eq!("0".repeat(63).parse::<Key>().err(), Some(InvalidKey));
        assert_eq!("g".repeat(64).parse::<Key>().err(), Some(InvalidKey));
        assert_eq!(format!("{key:?}"), "Key(…)");
    }
}
