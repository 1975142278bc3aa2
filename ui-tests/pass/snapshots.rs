// Every way to say when snapshots are taken, also of a generic state; a state without them needs no serde.
use ego::model::Snapshots;
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

#[derive(Event, Serialize, Deserialize)]
enum Ticked {
    Ticked,
}

macro_rules! counter {
    ($name:ident, $kind:literal, $($option:tt)*) => {
        #[derive(Aggregate, Default, Serialize, Deserialize)]
        #[aggregate(name = $kind, event = Ticked, $($option)*)]
        struct $name {
            ticks: u64,
        }

        #[ego::handlers]
        impl $name {
            #[apply]
            fn apply(&mut self, _: &Ticked) {
                self.ticks += 1;
            }
        }
    };
}

counter!(ByHand, "by-hand", snapshot);
counter!(Hundred, "hundred", snapshot(every = 100));
counter!(All, "all", snapshot(every = 100, after = "10m", replayed = 1_000, slower_than = "50ms",), version = 2);

#[derive(Aggregate, Default, Serialize, Deserialize)]
#[aggregate(name = T::KIND, event = Ticked, snapshot(every = 1))]
struct Of<T: Kind> {
    ticks: u64,
    #[serde(skip)]
    of: PhantomData<T>,
}

trait Kind: Default + Send + Sync + 'static {
    const KIND: &'static str;
}

#[ego::handlers]
impl<T: Kind> Of<T> {
    #[apply]
    fn apply(&mut self, _: &Ticked) {
        self.ticks += 1;
    }
}

#[derive(Default)]
struct One;
impl Kind for One {
    const KIND: &'static str = "one";
}
ego::register!(Of<One>);

#[derive(Aggregate, Default)]
#[aggregate(name = "plain", event = Ticked)]
struct Plain {
    ticks: std::sync::Mutex<u64>,
}

#[ego::handlers]
impl Plain {
    #[apply]
    fn apply(&mut self, _: &Ticked) {
        *self.ticks.get_mut().expect("nobody panicked") += 1;
    }
}

fn main() {
    let shapes = [ByHand::SNAPSHOTS.map(|s| s.shape()), Hundred::SNAPSHOTS.map(|s| s.shape()), All::SNAPSHOTS.map(|s| s.shape())];
    assert!(shapes.iter().all(|shape| shape.is_some() && *shape == shapes[0]), "the policy is no part of the shape");
    assert_ne!(Of::<One>::SNAPSHOTS.map(|s| s.shape()), shapes[0]);
    let none: Option<Snapshots<Plain>> = Plain::SNAPSHOTS;
    assert!(none.is_none());
}
