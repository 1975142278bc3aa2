//! Which shelf is next: a few are hot, most are cold.

use rand::RngExt;
use rand::rngs::StdRng;
use std::sync::atomic::{AtomicU64, Ordering};

/// So many ranks, each with one shelf at a time. The first is used as often as the next two together, and so on.
pub struct Ground {
    used: Box<[AtomicU64]>,
}

impl Ground {
    /// After so many uses a rank gets a new shelf: replaying one and finding a command in it takes as long as its stream, and a soak
    /// should be the same all along.
    const LIFE: u64 = 300;

    /// A ground of so many ranks.
    #[must_use]
    pub fn new(ranks: usize) -> Self {
        Self { used: (0..ranks.max(1)).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The next shelf.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "ranks are few")]
    pub fn shelf(&self, random: &mut StdRng) -> u64 {
        let ranks = self.used.len();
        let rank = ((ranks as f64).powf(random.random()) as usize - 1).min(ranks - 1);
        let used = self.used[rank].fetch_add(1, Ordering::Relaxed);
        (used / Self::LIFE) * ranks as u64 + rank as u64
    }
}

/// The id of a shelf.
#[must_use]
pub fn id(shelf: u64) -> String {
    format!("s-{shelf}")
}

/// The shelf of an id.
#[must_use]
pub fn number(id: &str) -> Option<u64> {
    id.strip_prefix("s-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_few_are_hot_most_are_cold_and_the_hot_ones_are_replaced() {
        let (ground, mut random) = (Ground::new(10_000), StdRng::seed_from_u64(1));
        let shelves: Vec<_> = (0..100_000).map(|_| ground.shelf(&mut random)).collect();
        let hot = shelves.iter().filter(|shelf| *shelf % 10_000 < 10).count();
        assert!((20_000..30_000).contains(&hot), "{hot}");
        let cold: std::collections::HashSet<_> = shelves.iter().filter(|shelf| *shelf % 10_000 > 100).collect();
        assert!(cold.len() > 8_000, "{}", cold.len());
        assert!(shelves.iter().any(|shelf| *shelf >= 10_000));
        assert!(shelves.iter().all(|shelf| number(&id(*shelf)) == Some(*shelf)));
    }
}
