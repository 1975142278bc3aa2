//! The domain of these tests: ledgers whose state tells which events they have seen, in which order; one kind for each policy.

use ego::engine::{CommandDescriptor, Location};
use ego::model::{Handles, Snapshots};
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::time::Duration;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LedgerEvent {
    Counted { by: u64 },
}

/// Replies the seal of the state that it was decided on.
#[derive(Command, Serialize, Deserialize)]
pub struct Count {
    pub by: u64,
}
/// Several events at once: `by`, `by + 1` and so on.
#[derive(Command, Serialize, Deserialize)]
pub struct CountMany {
    pub by: u64,
    pub times: u64,
}
/// Replies the seal, and records nothing.
#[derive(Command, Serialize, Deserialize)]
pub struct Peek;

/// What a ledger has seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub events: u64,
    pub total: u64,
    /// Another one for each list of events.
    pub seal: u64,
}

impl Seen {
    pub fn add(&mut self, by: u64) {
        self.events += 1;
        self.total += by;
        self.seal = (self.seal ^ (by + 1)).wrapping_mul(0x0100_0000_01b3).rotate_left(17);
    }

    pub fn of(events: &[u64]) -> Self {
        let mut seen = Self::default();
        events.iter().for_each(|by| seen.add(*by));
        seen
    }
}

/// A kind of ledgers.
pub trait Ledger:
    Aggregate<Event = LedgerEvent>
    + Handles<Count>
    + Handles<CountMany>
    + Handles<Peek, Output = Result<Decision<LedgerEvent, u64>, Infallible>>
{
    fn seen(&self) -> &Seen;
}

macro_rules! ledger {
    ($(#[$attribute:meta])* $name:ident($seen:ty), $kind:literal, $version:literal, $snapshots:expr) => {
        $(#[$attribute])*
        #[derive(Default, Debug)]
        pub struct $name(pub $seen);

        impl Aggregate for $name {
            const KIND: &'static str = $kind;
            const VERSION: u32 = $version;
            const SNAPSHOTS: Option<Snapshots<Self>> = $snapshots;
            type Event = LedgerEvent;
            fn apply(&mut self, event: &LedgerEvent) {
                let LedgerEvent::Counted { by } = event;
                self.0.add(*by);
            }
        }

        impl Handles<Count> for $name {
            type Output = Result<Decision<LedgerEvent, u64>, Infallible>;
            const WAITS: bool = false;
            async fn handle(&self, command: Count, _: &Context) -> Self::Output {
                Ok(emit(LedgerEvent::Counted { by: command.by }).reply(self.seen().seal))
            }
        }

        impl Handles<CountMany> for $name {
            type Output = Result<Vec<LedgerEvent>, Infallible>;
            async fn handle(&self, command: CountMany, _: &Context) -> Self::Output {
                Ok((command.by..command.by + command.times).map(|by| LedgerEvent::Counted { by }).collect())
            }
        }

        impl Handles<Peek> for $name {
            type Output = Result<Decision<LedgerEvent, u64>, Infallible>;
            const WAITS: bool = false;
            async fn handle(&self, _: Peek, _: &Context) -> Self::Output {
                Ok(Decision::nothing().reply(self.seen().seal))
            }
        }

        impl ego::Registers for $name {
            const COMMANDS: &'static [CommandDescriptor] = &[
                CommandDescriptor::of::<$name, Count>(Location::new(file!(), line!()), &[]),
                CommandDescriptor::of::<$name, CountMany>(Location::new(file!(), line!()), &[]),
                CommandDescriptor::of::<$name, Peek>(Location::new(file!(), line!()), &[]),
            ];
        }
        ego::register!($name);

        impl Ledger for $name {
            fn seen(&self) -> &Seen {
                &self.0
            }
        }
    };
}

pub const MINUTES: Duration = Duration::from_secs(60);
const NEVER: Duration = Duration::from_secs(3600);

ledger!(
    #[derive(Serialize, Deserialize)]
    Five(Seen),
    "five",
    1,
    Some(Snapshots::by_hand().every(5))
);
ledger!(
    #[derive(Serialize, Deserialize)]
    Aged(Seen),
    "aged",
    1,
    Some(Snapshots::by_hand().after(Duration::from_secs(600)))
);
ledger!(
    #[derive(Serialize, Deserialize)]
    Costly(Seen),
    "costly",
    1,
    Some(Snapshots::by_hand().replayed(20).slower_than(NEVER))
);
ledger!(
    #[derive(Serialize, Deserialize)]
    Slow(Seen),
    "slow",
    1,
    Some(Snapshots::by_hand().slower_than(Duration::from_millis(50)))
);
ledger!(
    #[derive(Serialize, Deserialize)]
    ByHand(Seen),
    "by-hand",
    1,
    Some(Snapshots::by_hand())
);
ledger!(
    #[derive(Serialize, Deserialize)]
    Second(Seen),
    "second",
    2,
    Some(Snapshots::by_hand())
);
ledger!(
    #[derive(Serialize, Deserialize)]
    Shaped(Seen),
    "shaped",
    1,
    Some(Snapshots::by_hand().with_shape(7))
);
// Its state cannot be written.
ledger!(Plain(Unwritable), "plain", 1, None);
// Its state can be written, but not always.
ledger!(
    #[derive(Serialize, Deserialize)]
    Fussy(Moody),
    "fussy",
    1,
    Some(Snapshots::by_hand().every(5))
);

/// Neither `Serialize` nor `Deserialize`.
#[derive(Debug, Default)]
pub struct Unwritable(Seen);

impl Unwritable {
    fn add(&mut self, by: u64) {
        self.0.add(by);
    }
}

impl std::ops::Deref for Unwritable {
    type Target = Seen;
    fn deref(&self) -> &Seen {
        &self.0
    }
}

/// Fails to be written at 5 events, panics at 10, panics while it is read at 15.
#[derive(Debug, Default)]
pub struct Moody(Seen);

impl Moody {
    fn add(&mut self, by: u64) {
        self.0.add(by);
    }
}

impl std::ops::Deref for Moody {
    type Target = Seen;
    fn deref(&self) -> &Seen {
        &self.0
    }
}

impl Serialize for Moody {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.events {
            5 => Err(serde::ser::Error::custom("it cannot be written")),
            10 => panic!("while writing"),
            _ => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Moody {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seen = Seen::deserialize(deserializer)?;
        assert_ne!(seen.events, 15, "while reading");
        Ok(Self(seen))
    }
}

/// An inline view beside each [`Five`], with an index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    pub seen: Seen,
    pub last: u64,
}

#[ego::projection(name = "sums", mode = inline)]
impl Sums {
    #[on(Five)]
    fn five(&mut self, event: &LedgerEvent, delivery: &Delivery) -> Fold {
        let LedgerEvent::Counted { by } = event;
        self.seen.add(*by);
        self.last = delivery.revision().get();
        // A view that goes, and begins anew.
        if *by == 99 { Fold::Remove } else { Fold::Keep }
    }
    #[index]
    fn third(&self) -> u64 {
        self.seen.events % 3
    }
}
