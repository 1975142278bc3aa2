//! `#[cfg]`, doc comments and other attributes on everything that can have them.

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// What can happen.
///
/// With `#[doc]` in both forms.
#[doc = "And more."]
#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use = "an event is recorded"]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    #[cfg(feature = "absent")]
    /// Never there.
    Absent(Missing),
    /// There.
    #[cfg(not(feature = "absent"))]
    #[event(name = "present")]
    Present {
        /// A field that is there.
        #[cfg(not(feature = "absent"))]
        #[serde(rename = "how-many", default)]
        many: u64,
        /// A field that is not.
        #[cfg(feature = "absent")]
        many: Missing,
    },
    /// No longer written.
    #[deprecated = "use `Present`"]
    #[cfg_attr(not(feature = "absent"), event(alias = "Ancient"))]
    Old,
    /// A payload that nobody should use.
    #[deprecated]
    Older(#[serde(default)] Older),
}

/// A payload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Older;

/// A request.
#[derive(Command, Serialize, Deserialize)]
#[cfg_attr(not(feature = "absent"), command(name = "do-it"))]
#[must_use]
#[non_exhaustive]
pub struct Do {
    /// How many.
    #[serde(default)]
    pub many: u64,
    #[cfg(feature = "absent")]
    missing: Missing,
}

/// A request that is handled by a second block.
#[derive(Command, Serialize, Deserialize)]
#[allow(dead_code, reason = "lint attributes stay where they are")]
pub struct Undo;

/// Was there before, see [`Do`].
#[derive(Command, Serialize, Deserialize)]
#[deprecated = "use `Do`"]
pub struct OldDo;

/// A state.
#[derive(Aggregate, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(not(feature = "absent"), aggregate(name = "conditional"))]
#[aggregate(event = Change)]
#[serde(default)]
#[must_use]
#[non_exhaustive]
pub struct State {
    /// How many.
    #[cfg(not(feature = "absent"))]
    pub many: u64,
    #[cfg(feature = "absent")]
    many: Missing,
}

/// The block has docs.
#[ego::handlers]
#[allow(clippy::missing_const_for_fn, reason = "attributes of the block stay")]
#[cfg_attr(feature = "absent", absent)]
impl State {
    /// A constant between the methods.
    #[cfg(not(feature = "absent"))]
    pub const LIMIT: u64 = 10;

    #[cfg(feature = "absent")]
    #[handle]
    fn never(&self, command: Missing, missing: &Missing) -> Missing {
        missing(command)
    }

    /// Decides.
    ///
    /// # Errors
    /// When it is too many.
    #[cfg(not(feature = "absent"))]
    #[handle]
    #[inline]
    #[track_caller]
    #[allow(clippy::needless_return, reason = "attributes of the method stay")]
    pub fn go(&self, #[allow(unused_variables, reason = "attributes of a parameter stay")] cmd: Do) -> Result<Change, String> {
        if cmd.many > Self::LIMIT {
            return Err(format!("{} is too many", cmd.many));
        }
        return Ok(Change::Present { many: cmd.many });
    }

    #[cfg(feature = "absent")]
    #[apply]
    fn apply(&mut self, event: &Change) {
        missing(event)
    }

    #[cfg(not(feature = "absent"))]
    #[apply]
    #[cold]
    fn apply(&mut self, event: &Change) {
        #[expect(deprecated, reason = "what is recorded stays readable")]
        match event {
            #[cfg(not(feature = "absent"))]
            Change::Present { many } => self.many += many,
            Change::Old | Change::Older(_) => {}
        }
    }
}

/// A block that is there.
#[cfg(not(feature = "absent"))]
#[ego::handlers]
impl State {
    /// Takes it back.
    #[ego::handle]
    fn undo(&self, _: Undo) -> Result<(), Infallible> {
        Ok(())
    }
    #[handle]
    #[allow(deprecated, reason = "old clients are served")]
    fn old(&self, _: OldDo) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A block that is not.
#[cfg(feature = "absent")]
#[ego::handlers]
impl State {
    #[handle]
    fn undo(&self, _: Missing) -> Missing {
        missing()
    }
}

/// All handlers of a block may be absent.
#[ego::handlers]
impl State {
    #[cfg(feature = "absent")]
    #[handle]
    fn nothing(&self, _: Missing) -> Missing {
        missing()
    }
}

/// Everything of a domain may be deprecated.
#[derive(Event, Serialize, Deserialize)]
#[deprecated = "use `Change`"]
pub enum OldChange {
    /// The only one.
    Made,
    /// With a payload.
    Older(Older),
}

/// A state that nobody should use.
#[derive(Aggregate, Default)]
#[deprecated = "use `State`"]
#[aggregate(name = "conditional.old", event = OldChange)]
pub struct OldState;

#[ego::handlers]
#[allow(deprecated, reason = "old clients are served")]
impl OldState {
    #[handle]
    #[deprecated]
    fn old(&self, _: OldDo) -> Result<OldChange, Infallible> {
        Ok(OldChange::Made)
    }
    #[apply]
    #[deprecated]
    fn apply(&mut self, _: &OldChange) {}
}

/// A view.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[must_use]
#[non_exhaustive]
pub struct View {
    /// How many.
    pub many: u64,
}

/// The block has docs.
#[ego::projection(name = "conditional.view", mode = inline)]
#[allow(clippy::missing_const_for_fn, reason = "attributes of the block stay")]
#[cfg_attr(feature = "absent", absent)]
impl View {
    /// A constant between the methods.
    pub const LIMIT: u64 = 10;

    #[cfg(feature = "absent")]
    #[on(Missing)]
    fn never(&mut self, event: &Gone, missing: &Missing) -> Missing {
        missing(event)
    }

    #[cfg(feature = "absent")]
    #[on(State)]
    fn state(&mut self, event: &Missing) {
        missing(event)
    }

    /// Counts.
    ///
    /// # Errors
    /// When it is too many.
    #[cfg(not(feature = "absent"))]
    #[on(State)]
    #[inline]
    #[track_caller]
    #[allow(clippy::needless_return, reason = "attributes of the method stay")]
    pub fn state(
        &mut self,
        #[allow(unused_variables, reason = "attributes of a parameter stay")] event: &Change,
    ) -> Result<(), String> {
        #[expect(deprecated, reason = "what is recorded stays readable")]
        match event {
            Change::Present { many } => self.many += many,
            Change::Old | Change::Older(_) => {}
        }
        return if self.many > Self::LIMIT { Err(format!("{} is too many", self.many)) } else { Ok(()) };
    }

    #[cfg(feature = "absent")]
    #[index]
    fn missing(&self) -> Missing {
        missing(self)
    }

    /// How many.
    #[cfg(not(feature = "absent"))]
    #[index]
    #[must_use]
    pub fn many(&self) -> u64 {
        self.many
    }
}

/// A block that is not.
#[cfg(feature = "absent")]
#[ego::projection(name = "conditional.absent")]
impl View {
    #[on(Missing)]
    fn undo(&mut self, _: Missing) -> Missing {
        missing()
    }
}

/// A view that nobody should use.
#[derive(Default, Serialize, Deserialize)]
#[deprecated = "use `View`"]
pub struct OldView;

#[ego::projection(name = "conditional.old_view")]
#[allow(deprecated, reason = "old clients are served")]
impl OldView {
    #[on(OldState)]
    #[deprecated]
    fn old(&mut self, _: &OldChange) {}
    #[index]
    #[deprecated]
    fn none(&self) -> Option<u64> {
        None
    }
}

/// A reactor that nobody should use.
#[derive(Default)]
#[deprecated]
pub struct OldReactor;

#[ego::reactor(name = "conditional.old_reactor")]
#[allow(deprecated, reason = "old clients are served")]
impl OldReactor {
    #[on(OldState)]
    #[deprecated]
    fn old(&self, _: &OldChange) {}
    #[cfg(feature = "absent")]
    #[on(Missing)]
    fn never(&self, event: &Gone) -> Missing {
        missing(event)
    }
}
