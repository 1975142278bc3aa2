//! What is personal in a program: in which events, states and views.

use crate::model::Shape;
use std::collections::HashMap;

/// All that is declared, by stored names.
#[derive(Debug, Default)]
pub(crate) struct Personal {
    kinds: HashMap<&'static str, Kind>,
    views: HashMap<&'static str, &'static Shape>,
}

#[derive(Debug, Default)]
struct Kind {
    /// By their names and older names.
    events: HashMap<&'static str, &'static Shape>,
    state: Option<&'static Shape>,
    /// What each command says of itself, if it says anything.
    commands: HashMap<&'static str, Option<&'static Shape>>,
}

impl Personal {
    pub(crate) fn event(&mut self, kind: &'static str, name: &'static str, shape: &'static Shape) {
        if shape.is_personal() {
            self.kinds.entry(kind).or_default().events.insert(name, shape);
        }
    }

    pub(crate) fn state(&mut self, kind: &'static str, shape: &'static Shape) {
        if shape.is_personal() {
            self.kinds.entry(kind).or_default().state = Some(shape);
        }
    }

    pub(crate) fn command(&mut self, kind: &'static str, name: &'static str, shape: Option<&'static Shape>) {
        let is_personal = shape.is_some_and(Shape::is_personal);
        if is_personal || self.is_in(kind) {
            self.kinds.entry(kind).or_default().commands.insert(name, shape);
        }
    }

    pub(crate) fn view(&mut self, projection: &'static str, shape: &'static Shape) {
        if shape.is_personal() {
            self.views.insert(projection, shape);
        }
    }

    /// Whether nothing is.
    pub(crate) fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.views.is_empty()
    }

    /// Whether something is in the events or the state of this kind.
    pub(crate) fn is_in(&self, kind: &str) -> bool {
        self.kinds.contains_key(kind)
    }

    /// Whether something is in the events of this kind.
    pub(crate) fn is_in_events(&self, kind: &str) -> bool {
        self.kinds.get(kind).is_some_and(|kind| !kind.events.is_empty())
    }

    /// The kinds with something personal.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.keys().copied()
    }

    pub(super) fn in_event(&self, kind: &str, name: &str) -> Option<&'static Shape> {
        self.kinds.get(kind)?.events.get(name).copied()
    }

    pub(super) fn in_state(&self, kind: &str) -> Option<&'static Shape> {
        self.kinds.get(kind)?.state
    }

    /// What a command of a kind with something personal says of itself.
    pub(super) fn in_command(&self, kind: &str, name: &str) -> Option<&'static Shape> {
        self.kinds.get(kind)?.commands.get(name).copied().flatten()
    }

    /// Whether something is in any view.
    pub(super) fn has_views(&self) -> bool {
        !self.views.is_empty()
    }

    pub(crate) fn in_view(&self, projection: &str) -> Option<&'static Shape> {
        self.views.get(projection).copied()
    }
}
