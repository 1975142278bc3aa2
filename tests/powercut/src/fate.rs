//! What becomes of what was not durable when the power was cut. Each of the many ends is seeded.

use crate::random::Random;

/// Decides, for each thing that changed since it was durable, which of its versions is on the disk.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// Nothing reached the disk but what was synced.
    Nothing,
    /// Everything did.
    Everything,
    /// The content of files did, no name.
    Content,
    /// Names did, no content.
    Names,
    /// Any part of it: each with this chance, in percent.
    Part(Random, u64),
    /// All before an operation, nothing after it, and of this one some sectors.
    Torn(Random, u64),
    /// What was written last and nothing before it, as far as sectors differ; of this operation some sectors.
    Backwards(Random, u64),
    /// Nothing but this operation.
    Alone(u64),
}

impl Fate {
    /// How many ends [`nth`](Self::nth) knows.
    pub(crate) const SORTS: u64 = 11;

    /// One of the sorts of ends, for operations that are not durable.
    pub(crate) fn nth(sort: u64, pending: &[u64], seed: u64) -> Self {
        let mut random = Random::new(seed);
        // The newest are where the interest is; half of the time one of the last few.
        let among = if random.below(2) == 0 { pending } else { &pending[pending.len().saturating_sub(8)..] };
        let op = usize::try_from(random.below(among.len() as u64)).ok().and_then(|index| among.get(index)).copied().unwrap_or(0);
        match sort {
            0 => Self::Nothing,
            1 => Self::Everything,
            2 => Self::Content,
            3 => Self::Names,
            4 => Self::Part(random, 50),
            5 => Self::Part(random, 10),
            6 => Self::Part(random, 90),
            7 | 8 => Self::Torn(random, op),
            9 => Self::Backwards(random, op),
            _ => Self::Alone(op),
        }
    }

    /// Which of the versions – the durable one first, each with its operation – is on the disk.
    pub(crate) fn choose<'a, T>(&mut self, versions: &'a [(u64, T)]) -> &'a T {
        let last = versions.len() - 1;
        let before = |op: u64| versions.iter().rposition(|(made, _)| *made < op).unwrap_or(0);
        let index = match self {
            _ if last == 0 => 0,
            Self::Nothing | Self::Names => 0,
            Self::Everything | Self::Content => last,
            Self::Part(random, percent) => {
                if random.below(100) < *percent {
                    1 + usize::try_from(random.below(last as u64)).unwrap_or(0)
                } else {
                    0
                }
            }
            Self::Torn(random, op) => {
                let before = before(*op);
                let next = versions.get(before + 1).is_some_and(|(made, _)| made == op);
                before + usize::from(next && random.below(2) == 0)
            }
            Self::Alone(op) => versions.iter().position(|(made, _)| made == op).unwrap_or(0),
            Self::Backwards(random, op) => match versions[last].0 {
                made if made == *op && random.below(2) == 0 => 0,
                made if made >= *op => last,
                _ => 0,
            },
        };
        &versions[index].1
    }

    /// Whether an operation on names happened.
    pub(crate) fn happens(&mut self, op: u64) -> bool {
        match self {
            Self::Nothing | Self::Content => false,
            Self::Everything | Self::Names => true,
            Self::Part(random, percent) => random.below(100) < *percent,
            Self::Torn(random, torn) => op < *torn || op == *torn && random.below(2) == 0,
            Self::Alone(alone) => op == *alone,
            Self::Backwards(random, torn) => op > *torn || random.below(2) == 0,
        }
    }
}
