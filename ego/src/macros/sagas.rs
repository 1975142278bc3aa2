//! The macro of sagas.

/// Marks the impl block of a saga.
pub use ego_derive::saga;

/// Marks a method that starts an instance, only inside a block of [`saga`](macro@crate::saga).
pub use ego_derive::start;

/// Marks the method that hears of refused commands, only inside a block of [`saga`](macro@crate::saga).
pub use ego_derive::rejected;

/// Marks the method that hears of timeouts, only inside a block of [`saga`](macro@crate::saga).
pub use ego_derive::timeout;
