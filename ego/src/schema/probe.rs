//! A deserializer without data: it follows a path through a type, looks what serde asks for there, and leaves.
//!
//! Where the path leads past something (a key before its value, the items before one of a tuple), a sample is given. Which one a type
//! takes is found out by trying: every choice is counted, and the last one is changed when it was refused.

use super::node::Node;
use super::shape::Shape;
use crate::codec::{Codec, CodecError, Visit};
use parking_lot::Mutex;
use std::sync::Arc;

/// One step down into a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Some,
    Item,
    At(usize),
    Key,
    Value,
    Field(&'static str),
    Variant(&'static str),
}

/// What is to be found out at the end of the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// What is asked for.
    Look,
    /// Whether the struct there reads the second name as the first.
    SameField(&'static str, &'static str),
    /// Whether the struct there is read without the field of these names.
    Without(Vec<&'static str>),
    /// Whether the struct there refuses fields that it does not know.
    Closed,
}

/// What was found there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Plain(Shape),
    Option,
    List,
    Tuple(usize),
    Map,
    Struct {
        name: &'static str,
        fields: &'static [&'static str],
    },
    Enum {
        name: &'static str,
        variants: &'static [&'static str],
    },
    /// A name, where a map was asked for: the fields of a struct with a flattened one.
    Identifier,
    Untraced(String),
    Yes,
    No,
    /// Yes: this is the field's own name.
    Same(&'static str),
}

/// The codec that offers the probe instead of bytes. Cloning shares it.
#[derive(Clone, Default)]
pub(super) struct Probe(Arc<Mutex<State>>);

#[derive(Default)]
pub(super) struct State {
    pub(super) path: Vec<Step>,
    pub(super) goal: Option<Goal>,
    pub(super) found: Option<Found>,
    /// Whether anything was read at all.
    pub(super) asked: bool,
    /// What was chosen, out of how many, in the order of asking.
    pub(super) choices: Vec<(usize, usize)>,
    pub(super) cursor: usize,
}

impl Probe {
    const TRIES: usize = 400;

    /// What is found at the end of the path; `Err` with the last refusal when no sample leads there.
    pub(super) fn find(&self, path: &[Step], goal: &Goal, run: &dyn Fn() -> Result<(), String>) -> Result<Found, String> {
        let fresh = State { path: path.to_vec(), goal: Some(goal.clone()), ..State::default() };
        *self.0.lock() = fresh;
        let mut refusal = String::new();
        for _ in 0..Self::TRIES {
            match std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
                Ok(Ok(())) => "it is not read where it was looked for".clone_into(&mut refusal),
                Ok(Err(reason)) => refusal = reason,
                Err(_) => "reading it panics".clone_into(&mut refusal),
            }
            let mut state = self.0.lock();
            if let Some(found) = state.found.take() {
                return Ok(found);
            }
            // The last choice that has another is changed; those behind it are made anew.
            let cursor = std::mem::take(&mut state.cursor);
            state.choices.truncate(cursor);
            while state.choices.pop_if(|(chosen, of)| *chosen + 1 >= *of).is_some() {}
            let Some((chosen, _)) = state.choices.last_mut() else { break };
            *chosen += 1;
        }
        Err(refusal)
    }
}

impl Probe {
    /// Whether anything was read in the last search.
    pub(super) fn was_asked(&self) -> bool {
        self.0.lock().asked
    }
}

impl Codec for Probe {
    fn name(&self) -> &'static str {
        "ego.probe"
    }

    fn encode(&self, _: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
        Err(CodecError::new("a probe writes nothing"))
    }

    fn decode(&self, _: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError> {
        self.0.lock().asked = true;
        let node = Node::first(&self.0);
        visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(node)).map_err(CodecError::new)
    }
}
