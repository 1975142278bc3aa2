//! The rules: a program's schema against the released one.
//!
//! stored names stay · older names stay · versions go up by one · the shape of a released version stays, but for what may be left out ·
//! each released version is read, in the shape that it was released in · what is derived changes only with its version.

use super::change::{kept, unread};
use super::problem::{Problem, What};
use super::stored::{Derived, Evolving, KindSchema, Schema};
use std::collections::{BTreeMap, BTreeSet};

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// What must not be.
    pub(super) problems: Vec<Problem>,
    /// What is not in the lock yet.
    pub(super) news: Vec<String>,
    /// The lock with it.
    pub(super) next: Schema,
}

/// Compares; `retired` are kinds, and commands as `kind/name`.
pub(super) fn compare(released: &Schema, now: &Schema, retired: &BTreeSet<String>) -> Verdict {
    let mut verdict = Verdict::default();
    for (kind, schema) in &released.kinds {
        match now.kinds.get(kind) {
            Some(now) => {
                let next = verdict.kind(kind, schema, now, retired);
                verdict.next.kinds.insert(kind.clone(), next);
            }
            // It stays in the lock: its streams stay in the stores.
            None if retired.contains(kind) => drop(verdict.next.kinds.insert(kind.clone(), schema.clone())),
            None => verdict.problems.push(Problem::KindGone { kind: kind.clone() }),
        }
    }
    for (kind, schema) in &now.kinds {
        if !released.kinds.contains_key(kind) {
            verdict.news.push(format!("the kind {kind:?}"));
            verdict.next.kinds.insert(kind.clone(), schema.clone());
        }
    }
    for (name, view) in &now.views {
        let what = What::View { name: name.clone() };
        verdict.derived(&what, released.views.get(name), view);
        verdict.next.views.insert(name.clone(), view.clone());
    }
    let gone = released.views.keys().filter(|name| !now.views.contains_key(*name));
    verdict.news.extend(gone.map(|name| format!("that there is no view {name:?}")));
    verdict
}

impl Verdict {
    fn kind(&mut self, kind: &str, released: &KindSchema, now: &KindSchema, retired: &BTreeSet<String>) -> KindSchema {
        let mut next = KindSchema::default();
        for (name, event) in &released.events {
            let what = What::Event { kind: kind.to_owned(), name: name.clone() };
            let reader = now.events.iter().find(|(own, reader)| *own == name || reader.aliases.contains(name));
            let Some((own, reader)) = reader else {
                self.problems.push(Problem::NameGone { what });
                continue;
            };
            if own != name {
                self.news.push(format!("that {what} is named {own:?}"));
            }
            self.aliases(&what, name, event, (own, reader));
            let merged = self.evolving(&what, event, reader);
            // Of several that became one, the one with the name says what was released.
            if own == name || !released.events.contains_key(own) {
                next.events.insert(own.clone(), merged);
            }
        }
        for (name, event) in &now.events {
            if !next.events.contains_key(name) {
                let known = released.events.keys().any(|old| old == name || event.aliases.contains(old));
                if !known {
                    self.news.push(What::Event { kind: kind.to_owned(), name: name.clone() }.to_string());
                }
                next.events.insert(name.clone(), event.clone());
            }
        }
        next.commands = self.commands(kind, &released.commands, &now.commands, retired);
        let what = What::State { kind: kind.to_owned() };
        next.state = match (&released.state, &now.state) {
            (Some(released), Some(now)) => Some(self.evolving(&what, released, now)),
            (Some(_), None) => {
                self.problems.push(Problem::NameGone { what });
                None
            }
            (None, Some(now)) => {
                self.news.push(what.to_string());
                Some(now.clone())
            }
            (None, None) => None,
        };
        let what = What::Snapshot { kind: kind.to_owned() };
        match (&released.snapshot, &now.snapshot) {
            (released, Some(now)) => self.derived(&what, released.as_ref(), now),
            (Some(_), None) => self.news.push(format!("that there is no {}", what.to_string().trim_start_matches("the "))),
            (None, None) => {}
        }
        next.snapshot.clone_from(&now.snapshot);
        next
    }

    fn aliases(&mut self, what: &What, name: &str, released: &Evolving, (own, reader): (&str, &Evolving)) {
        for alias in &released.aliases {
            if alias != own && !reader.aliases.contains(alias) {
                self.problems.push(Problem::AliasGone { what: what.clone(), alias: alias.clone() });
            }
        }
        let new = reader.aliases.iter().filter(|alias| *alias != name && !released.aliases.contains(*alias));
        self.news.extend(new.map(|alias| format!("the older name {alias:?} of {what}")));
    }

    /// What goes into the lock for it.
    fn evolving(&mut self, what: &What, released: &Evolving, now: &Evolving) -> Evolving {
        let what = || what.clone();
        let (last, version) = (released.version(), now.version());
        let mut versions = released.versions.clone();
        if version < last {
            self.problems.push(Problem::VersionBack { what: what(), released: last, now: version });
        } else if version > last + 1 {
            self.problems.push(Problem::VersionSkipped { what: what(), released: last, now: version });
        } else {
            for (at, shape) in &released.versions {
                match now.versions.get(at) {
                    None => self.problems.push(Problem::NotRead { what: what(), version: *at }),
                    Some(reader) if *at == version => {
                        let kept = kept(shape, reader);
                        self.news.extend(kept.added.iter().map(|added| format!("in {}: {added}", what())));
                        if !kept.broken.is_empty() {
                            self.problems.push(Problem::ShapeChanged { what: what(), version, changes: kept.broken });
                        }
                    }
                    Some(reader) => {
                        let changes = unread(shape, reader);
                        if !changes.is_empty() {
                            self.problems.push(Problem::UpcasterTakesAnother { what: what(), version: *at, changes });
                        }
                    }
                }
            }
            if version > last {
                self.news.push(format!("version {version} of {}", what()));
            }
            versions.extend(now.versions.get(&version).map(|shape| (version, shape.clone())));
        }
        Evolving { aliases: now.aliases.clone(), versions }
    }

    fn commands(
        &mut self,
        kind: &str,
        released: &BTreeMap<String, super::Shape>,
        now: &BTreeMap<String, super::Shape>,
        retired: &BTreeSet<String>,
    ) -> BTreeMap<String, super::Shape> {
        let mut next = now.clone();
        let what = |name: &str| What::Command { kind: kind.to_owned(), name: name.to_owned() };
        for (name, shape) in released {
            match now.get(name) {
                Some(now) => {
                    let kept = kept(shape, now);
                    self.news.extend(kept.added.iter().map(|added| format!("in {}: {added}", what(name))));
                    if !kept.broken.is_empty() {
                        self.problems.push(Problem::ShapeChanged { what: what(name), version: 1, changes: kept.broken });
                    }
                }
                None if retired.contains(&format!("{kind}/{name}")) => drop(next.insert(name.clone(), shape.clone())),
                None => self.problems.push(Problem::NameGone { what: what(name) }),
            }
        }
        self.news.extend(now.keys().filter(|name| !released.contains_key(*name)).map(|name| what(name).to_string()));
        next
    }

    fn derived(&mut self, what: &What, released: Option<&Derived>, now: &Derived) {
        let Some(released) = released else { return self.news.push(what.to_string()) };
        if now.version < released.version {
            let (what, released, now) = (what.clone(), released.version, now.version);
            self.problems.push(Problem::VersionBack { what, released, now });
        } else if now.version > released.version {
            self.news.push(format!("version {} of {what}", now.version));
        } else if now.shape != released.shape {
            let changes = kept(&released.shape, &now.shape).broken;
            self.problems.push(Problem::DerivedChanged { what: what.clone(), version: now.version, changes });
        }
    }
}
