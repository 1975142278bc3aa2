//! Hashing for the writer's own tables. It looks streams up twice for every commit, and is the one thread that all wait for.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A table with keys that come from users: seeded differently for every table, so nobody outside can choose keys that collide.
pub(crate) type Table<K, V> = HashMap<K, V, Seed>;

/// A table's seed.
#[derive(Clone, Debug)]
pub(crate) struct Seed(u64);

impl Default for Seed {
    fn default() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }
}

impl BuildHasher for Seed {
    type Hasher = Words;
    fn build_hasher(&self) -> Words {
        Words(self.0)
    }
}

/// Folds eight bytes at a time.
pub(crate) struct Words(u64);

impl Words {
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0x9e37_79b9_7f4a_7c15_u128;
        self.0 = (product as u64 ^ (product >> 64) as u64).rotate_left(23) ^ word;
    }
}

impl Hasher for Words {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        let rest = rest.iter().fold(bytes.len() as u64, |word, byte| word << 8 | u64::from(*byte));
        self.fold(rest);
    }
    fn write_u8(&mut self, byte: u8) {
        self.0 = self.0.wrapping_add(u64::from(byte));
    }
    fn finish(&self) -> u64 {
        (self.0 ^ self.0 >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
