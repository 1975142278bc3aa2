//! What can be written down and read again.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A command, the content of an event, or a view: serde writes it and reads it again.
///
/// One name for both bounds, so that a type that lacks them makes one error. Never implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written down and read again",
    label = "commands, events and views must be `Serialize + Deserialize`",
    note = "add `#[derive(serde::Serialize, serde::Deserialize)]` to `{Self}`"
)]
pub trait Storable: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Storable for T {}
