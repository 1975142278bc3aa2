// Ego under another name, and a domain that is written by a macro.
mod facade {
    pub use ::ego as es;
}
use facade::es::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

#[derive(Serialize, Deserialize)]
pub struct Counted(u64);
#[derive(Command, Serialize, Deserialize)]
#[ego(crate = facade::es)]
struct Count;

macro_rules! counter {
    ($state:ident, $events:ident, $kind:literal, $payload:ty, $command:ty, $result:ty) => {
        #[derive(Event)]
        #[ego(crate = crate::facade::es)]
        enum $events {
            Counted($payload),
        }
        #[derive(Aggregate, Default)]
        #[ego(crate = facade::es)]
        #[aggregate(name = $kind, event = $events)]
        struct $state(u64);

        #[facade::es::handlers(crate = facade::es)]
        impl $state {
            #[es::apply]
            fn counted(&mut self, event: &$payload) {
                self.0 += event.0;
            }
            #[facade::es::handle]
            fn count(&self, command: $command, context: &Context) -> $result {
                let _ = (command, context);
                Ok(Counted(1))
            }
        }
    };
}
counter!(Counter, Counts, "counter", Counted, Count, Result<Counted, Infallible>);
counter!(Other, OtherCounts, "other", Counted, Count, Result<Counted, Infallible>);

fn main() {
    let mut counter = Counter::default();
    counter.apply(&Counts::Counted(Counted(2)));
    assert_eq!(counter.0, 2);
}
