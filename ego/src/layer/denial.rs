//! Why a layer did not let a command through.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A layer did not let a command through. Nothing was recorded, and the aggregate has not seen the command.
///
/// A layer refuses with `Err(Denied::because(…).into())`; its name is filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{layer} did not let the command through: {reason}")]
#[non_exhaustive]
pub struct Denied {
    /// The layer's [name](super::CommandLayer::name).
    pub layer: &'static str,
    /// Why.
    pub reason: Denial,
}

/// Why a layer refuses a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denial {
    /// Whoever asks may not do that, or did not say who they are.
    Unauthorised(Arc<str>),
    /// The command says something that it must not say; everything that is wrong with it.
    Invalid(Problems),
    /// There were too many; it may be sent again after this time.
    RateLimited {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Another reason.
    Other(Arc<str>),
}

/// Everything that is wrong with a command, in the order in which it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Problems(Vec<Problem>);

/// One thing that is wrong with a command.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// Where: `lines[2].amount`. Empty for the command as a whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl Denied {
    /// For this reason.
    #[must_use]
    pub fn because(reason: Denial) -> Self {
        Self { layer: "", reason }
    }

    /// Whoever asks may not do that.
    #[must_use]
    pub fn unauthorised(reason: impl Into<Arc<str>>) -> Self {
        Self::because(Denial::Unauthorised(reason.into()))
    }

    /// For a reason of the layer's own.
    #[must_use]
    pub fn other(reason: impl Into<Arc<str>>) -> Self {
        Self::because(Denial::Other(reason.into()))
    }

    pub(crate) fn by(self, layer: &'static str) -> Self {
        if self.layer.is_empty() { Self { layer, ..self } } else { self }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorised(reason) | Self::Other(reason) => f.write_str(reason),
            Self::Invalid(problems) => write!(f, "{problems}"),
            Self::RateLimited { retry_after } => write!(f, "there were too many; again in {retry_after:?}"),
        }
    }
}

impl Problems {
    /// One more; an empty path means the command as a whole.
    pub fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { path: path.into(), message: message.into() });
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl<'p> IntoIterator for &'p Problems {
    type Item = &'p Problem;
    type IntoIter = std::slice::Iter<'p, Problem>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { path, message }) in self.iter().enumerate() {
            let (comma, colon) = (if index == 0 { "" } else { "; " }, if path.is_empty() { "" } else { ": " });
            write!(f, "{comma}{path}{colon}{message}")?;
        }
        Ok(())
    }
}
