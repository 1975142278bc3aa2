//! Why a command had no effect, or why that is not known.

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError<E> {
    /// The handler refused. Nothing was recorded (I4).
    #[error("{0}")]
    Rejected(E),
}
