//! Private types, `pub(crate)` ones, and aggregates where nobody else can name them.

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

mod private {
    use super::{Aggregate, Command, Deserialize, Event, Infallible, Serialize};

    #[derive(Event, Serialize, Deserialize)]
    enum Change {
        Counted(Counted),
    }
    #[derive(Serialize, Deserialize)]
    struct Counted(u64);
    #[derive(Command, Serialize, Deserialize)]
    struct Count;
    #[derive(Aggregate, Default)]
    #[aggregate(name = "hidden.private", event = Change)]
    struct State(u64);

    #[ego::handlers]
    impl State {
        #[handle]
        fn count(&self, _: Count) -> Result<Counted, Infallible> {
            Ok(Counted(self.0 + 1))
        }
        #[apply]
        fn counted(&mut self, event: &Counted) {
            self.0 = event.0;
        }
    }

    #[derive(Default, Serialize, Deserialize)]
    struct View(u64);

    #[ego::projection(name = "hidden.private.view")]
    impl View {
        #[on(State)]
        fn state(&mut self, Change::Counted(Counted(by)): &Change) {
            self.0 += by;
        }
        #[index]
        fn count(&self) -> u64 {
            self.0
        }
    }

    #[derive(Default)]
    struct Reactor;

    #[ego::reactor(name = "hidden.private.reactor")]
    impl Reactor {
        #[on(State)]
        fn state(&self, _: &Change) {}
    }
}

pub(crate) mod restricted {
    #[derive(Default, Serialize, Deserialize)]
    pub(crate) struct View(pub(super) u64);

    #[ego::projection(name = "hidden.restricted.view", mode = live)]
    impl View {
        #[on(State)]
        pub(in crate::hidden) fn state(&mut self, Change::Counted { by }: &Change) {
            self.0 += by;
        }
    }

    use super::{Aggregate, Command, Deserialize, Event, Infallible, Serialize};

    #[derive(Event, Serialize, Deserialize)]
    pub(crate) enum Change {
        Counted { by: u64 },
    }
    #[derive(Command, Serialize, Deserialize)]
    pub(super) struct Count(pub(crate) u64);
    #[derive(Aggregate, Default)]
    #[aggregate(name = "hidden.restricted", event = Change)]
    pub(crate) struct State {
        total: u64,
    }

    #[ego::handlers]
    impl State {
        #[handle]
        pub(in crate::hidden) fn count(&self, command: Count) -> Result<Change, Infallible> {
            Ok(Change::Counted { by: command.0 })
        }
        #[apply]
        pub(super) fn apply(&mut self, event: &Change) {
            match event {
                Change::Counted { by } => self.total += by,
            }
        }
    }
}

/// Holds an aggregate in its body, and gives what is left of it outside: its kind.
#[must_use]
pub fn in_a_function() -> &'static str {
    #[derive(Event, Serialize, Deserialize)]
    enum Change {
        Counted,
    }
    #[derive(Command, Serialize, Deserialize)]
    struct Count;
    #[derive(Aggregate, Default)]
    #[aggregate(name = "hidden.function", event = Change)]
    struct State;

    #[ego::handlers]
    impl State {
        #[handle]
        fn count(&self, _: Count) -> Result<Change, Infallible> {
            Ok(Change::Counted)
        }
        #[apply]
        fn apply(&mut self, event: &Change) {
            match event {
                Change::Counted => {}
            }
        }
    }

    #[derive(Default, Serialize, Deserialize)]
    struct View;
    #[ego::projection(name = "hidden.function.view")]
    impl View {
        #[on(State)]
        fn state(&mut self, _: &Change) {}
    }
    State::KIND
}

const _: () = {
    #[derive(Event)]
    enum Nothing {}
    #[derive(Command, Serialize, Deserialize)]
    struct Look {}
    #[derive(Aggregate, Default)]
    #[aggregate(name = "hidden.constant", event = Nothing)]
    enum State {
        #[default]
        Only,
    }
    #[ego::handlers]
    impl State {
        #[handle]
        fn look(&self, _: Look) -> Result<Decision<Nothing, bool>, Infallible> {
            Ok(Decision::nothing().reply(matches!(self, Self::Only)))
        }
        #[apply]
        fn apply(&mut self, event: &Nothing) {
            match *event {}
        }
    }
};

/// The same names as its neighbour's.
pub mod twin {
    use super::{Aggregate, Command, Deserialize, Event, Infallible, Serialize};

    /// Has its own events in the same file.
    #[derive(Event, Serialize, Deserialize)]
    pub enum Change {
        /// The only one.
        Counted,
    }
    /// A request.
    #[derive(Command, Serialize, Deserialize)]
    pub struct Count;
    /// A state.
    #[derive(Aggregate, Default)]
    #[aggregate(name = "hidden.twin", event = Change)]
    pub struct State;

    #[ego::handlers]
    impl State {
        #[handle]
        fn count(&self, _: Count) -> Result<Change, Infallible> {
            Ok(Change::Counted)
        }
        #[apply]
        fn apply(&mut self, _: &Change) {}
    }
}
