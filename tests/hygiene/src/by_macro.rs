//! The whole domain is written by a `macro_rules!`: its parts arrive in invisible groups.

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

macro_rules! counter {
    (
        $(#[$meta:meta])*
        $vis:vis $state:ident as $kind:expr, $events:ident, $payload:ty, stored $stored:expr, version $version:expr,
        from $upcast:path, $command:ident named $name:expr, $service:ty, $reply:ty, $error:ty, $step:expr, $more:item
    ) => {
        /// What can happen.
        #[derive(Event)]
        $vis enum $events {
            /// Something.
            #[event(name = $stored, version = $version, upcast(1 => $upcast))]
            Counted($payload),
        }

        /// A request.
        #[derive(Command, Serialize, Deserialize)]
        #[command(name = $name)]
        $vis struct $command;

        $(#[$meta])*
        #[derive(Aggregate, Default)]
        #[aggregate(name = $kind, event = $events)]
        $vis struct $state {
            /// How much.
            pub total: u64,
        }

        #[ego::handlers]
        impl $state {
            #[apply]
            fn counted(&mut self, event: &$payload) {
                self.total += event.0;
            }
            #[handle]
            fn count(&self, _: $command, context: &Context, limit: &$service) -> Result<Decision<$events, $reply>, $error> {
                let _ = context.id();
                let by = limit.most().min($step);
                Ok(emit(Counted(by)).reply(by))
            }
        }
        $more
    };
}

/// A payload.
#[derive(Serialize, Deserialize)]
pub struct Counted(pub u64);

fn doubled(old: u64) -> Counted {
    Counted(old * 2)
}

counter! {
    /// Counts.
    #[derive(Debug, PartialEq)]
    pub Counter as "by_macro.counter", CounterEvent, Counted, stored "counted", version 2,
    from doubled, Count named "count", dyn crate::Limit, u64, Infallible, 1 + 2,
    /// A second block, which arrives as a whole item.
    #[ego::handlers]
    impl Counter {
        #[handle]
        fn count_twice(&self, _: &CountTwice) -> Result<[Counted; 2], Infallible> {
            Ok([Counted(1), Counted(1)])
        }
    }
}

/// A request.
#[derive(Command, Serialize, Deserialize)]
pub struct CountTwice;

macro_rules! generic {
    ($state:ident<$param:ident: $bound:path>, $events:ty, $event:ty, $command:ty, [$($instance:ty),*]) => {
        /// Generic, from a macro.
        #[derive(Aggregate, Default)]
        #[aggregate(name = $param::KIND, event = $events)]
        pub struct $state<$param: $bound> {
            /// How much.
            pub total: u64,
            of: std::marker::PhantomData<$param>,
        }

        #[ego::handlers]
        impl<$param: $bound> $state<$param> {
            #[apply]
            fn counted(&mut self, event: &$event) {
                self.total += event.0;
            }
        }

        #[ego::handlers(register($($instance),*))]
        impl<$param: $bound> $state<$param> {
            #[handle]
            fn count(&self, _: &$command) -> Result<$event, Infallible> {
                Ok(Counted(1))
            }
        }

        ego::register!($($instance),*);
    };
}

/// What a tally counts.
pub trait Thing: Default + Send + Sync + 'static {
    /// The kind of its tallies.
    const KIND: &'static str;
}

/// Apples.
#[derive(Debug, Default)]
pub struct Apple;

/// Pears.
#[derive(Debug, Default)]
pub struct Pear;

impl Thing for Apple {
    const KIND: &'static str = "by_macro.apples";
}

impl Thing for Pear {
    const KIND: &'static str = "by_macro.pears";
}

generic! { Tally<T: Thing>, CounterEvent, Counted, Count, [Tally<Apple>, Tally<Pear>] }

macro_rules! reads {
    (
        $view:ty as $name:expr, version $version:expr, mode $mode:ident, $kind:ty => $event:ty,
        $other:ty => $others:ty, key $key:expr, $service:ty, $delivery:ty, $metadata:ty, $output:ty, $kept:expr, $index:ident: $value:ty,
        $reactor:ident as $reactor_name:literal for $audience:ident
    ) => {
        #[ego::projection(name = $name, version = $version, mode = $mode)]
        impl $view {
            #[on($kind)]
            fn on_one(&mut self, event: &$event, service: &$service, delivery: &$delivery, meta: &$metadata) -> $output {
                let _ = (service.most(), delivery.id(), meta.time);
                let CounterEvent::Counted(Counted(by)) = event;
                self.total += by;
                $kept
            }
            #[on($other, key = $key)]
            fn on_other(&mut self, _: &$others) {}
            #[index]
            fn $index(&self) -> $value {
                self.total
            }
        }

        #[ego::reactor(name = $reactor_name, audience = $audience)]
        impl $reactor {
            #[on($kind)]
            fn on_one(&self, event: &$event) {
                let _ = event;
            }
        }
    };
}

/// A view.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// How much.
    pub total: u64,
}

/// A reactor.
#[derive(Default)]
pub struct Reactor;

fn everything(_: &CounterEvent) -> [&'static str; 2] {
    ["all", "every"]
}

reads! {
    Totals as "by_macro.totals", version 2, mode async, Counter => CounterEvent, Tally<Apple> => CounterEvent, key everything,
    dyn crate::Limit, Delivery, ego::message::Metadata, Fold, Fold::Keep, total: u64,
    Reactor as "by_macro.reactor" for observer
}
