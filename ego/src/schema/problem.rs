//! What is wrong with a program's schema, in the light of what was released, and what to write.

use super::change::Change;
use std::fmt;

/// Something that is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names say it")]
pub enum What {
    Event { kind: String, name: String },
    Command { kind: String, name: String },
    State { kind: String },
    Snapshot { kind: String },
    View { name: String },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { kind, name } => write!(f, "the event {name:?} of {kind:?}"),
            Self::Command { kind, name } => write!(f, "the command {name:?} of {kind:?}"),
            Self::State { kind } => write!(f, "the state of {kind:?}"),
            Self::Snapshot { kind } => write!(f, "the snapshot of {kind:?}"),
            Self::View { name } => write!(f, "the view {name:?}"),
        }
    }
}

impl What {
    /// How a version with its upcasters is written on it.
    fn versioned(&self, version: u32) -> String {
        let upcasters: Vec<_> = (1..version).map(|from| format!("{from} => …")).collect();
        let upcasters = upcasters.join(", ");
        match self {
            Self::Event { .. } => format!("`#[event(version = {version}, upcast({upcasters}))]` on its variant"),
            Self::State { .. } => format!("`#[aggregate(version = {version}, upcast({upcasters}))]` on its type"),
            Self::Snapshot { .. } => format!("`#[aggregate(version = {version})]` on its type"),
            Self::View { .. } => format!("`#[ego::projection(version = {version})]` on its block"),
            Self::Command { .. } => "`#[command(name = \"…\")]` with another name on its type".to_owned(),
        }
    }
}

/// One thing that was released and would not be read any more. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// No aggregate has the kind.
    KindGone {
        /// The kind.
        kind: String,
    },
    /// Nothing has the stored name.
    NameGone {
        /// What had it.
        what: What,
    },
    /// An older name is not read any more.
    AliasGone {
        /// Of what.
        what: What,
        /// The older name.
        alias: String,
    },
    /// The version is lower than the released one.
    VersionBack {
        /// Of what.
        what: What,
        /// The released version.
        released: u32,
        /// The version now.
        now: u32,
    },
    /// The version is more than one higher than the released one.
    VersionSkipped {
        /// Of what.
        what: What,
        /// The released version.
        released: u32,
        /// The version now.
        now: u32,
    },
    /// A released version has another shape.
    ShapeChanged {
        /// Of what.
        what: What,
        /// The version.
        version: u32,
        /// What is different.
        changes: Vec<Change>,
    },
    /// Nothing reads a released version.
    NotRead {
        /// Of what.
        what: What,
        /// The version.
        version: u32,
    },
    /// The upcaster of a released version takes another shape.
    UpcasterTakesAnother {
        /// Of what.
        what: What,
        /// The version.
        version: u32,
        /// What it cannot read.
        changes: Vec<Change>,
    },
    /// A view or a snapshot has another shape in the same version.
    DerivedChanged {
        /// What.
        what: What,
        /// The version.
        version: u32,
        /// What is different; empty when something was only added.
        changes: Vec<Change>,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KindGone { kind } => write!(
                f,
                "no aggregate is named {kind:?} any more, and its streams are: put `#[aggregate(name = {kind:?})]` back, link its crate \
                 (`use the_crate as _;`), or say `.retired({kind:?})` when no stream is left or nobody is to read them"
            ),
            Self::NameGone { what: what @ What::Event { name, .. } } => write!(
                f,
                "{what} is read by nothing any more: put `alias = {name:?}` on the variant that it is now, or keep its variant, with an \
                 upcaster to `None` when it says nothing any more"
            ),
            Self::NameGone { what: what @ What::Command { kind, name } } => write!(
                f,
                "{what} is handled by nothing any more, and timers and sagas may keep it: put its handler back, or say \
                 `.retired(\"{kind}/{name}\")` when none does"
            ),
            Self::NameGone { what } => write!(f, "{what} is not stored any more, and what was stored is: keep it"),
            Self::AliasGone { what, alias } => {
                write!(f, "{what} is not read under its older name {alias:?} any more: put `alias = {alias:?}` back")
            }
            Self::VersionBack { what, released, now } => write!(
                f,
                "{what} was released in version {released}, and is at version {now}: what version {released} wrote would not be read; write {}",
                what.versioned(*released)
            ),
            Self::VersionSkipped { what, released, now } => write!(
                f,
                "{what} was released in version {released}, and is at version {now}: nobody wrote a version {} to upcast from; write {}",
                released + 1,
                what.versioned(released + 1)
            ),
            Self::ShapeChanged { what: what @ What::Command { .. }, changes, .. } => {
                write!(
                    f,
                    "{what} is not what was released: {}. Timers and sagas may keep it: write {}",
                    list(changes),
                    what.versioned(1)
                )
            }
            Self::ShapeChanged { what, version, changes } => write!(
                f,
                "{what} has another shape in version {version} than was released: {}. Write {}, and keep the old shape as what the last upcaster takes",
                list(changes),
                what.versioned(version + 1)
            ),
            Self::NotRead { what, version } => {
                write!(f, "{what} was released in version {version}, which nothing reads any more: decode it, and upcast it")
            }
            Self::UpcasterTakesAnother { what, version, changes } => write!(
                f,
                "the upcaster of {what} from version {version} does not take what was released as version {version}: {}. Give it the released shape",
                list(changes)
            ),
            Self::DerivedChanged { what, version, changes } if changes.is_empty() => write!(
                f,
                "{what} has more in version {version} than was released, which what is kept lacks: write {}, and it is made again",
                what.versioned(version + 1)
            ),
            Self::DerivedChanged { what, version, changes } => write!(
                f,
                "{what} has another shape in version {version} than was released: {}. Write {}, and it is made again",
                list(changes),
                what.versioned(version + 1)
            ),
        }
    }
}

fn list(changes: &[Change]) -> String {
    let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
    changes.join("; ")
}
