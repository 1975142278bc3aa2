//! The names of attributes and options, each written once.

pub(crate) const ALIAS: &str = "alias";
pub(crate) const APPLY: &str = "apply";
pub(crate) const CRATE: &str = "crate";
pub(crate) const EVENT: &str = "event";
pub(crate) const HANDLE: &str = "handle";
pub(crate) const NAME: &str = "name";
pub(crate) const REGISTER: &str = "register";
pub(crate) const UPCAST: &str = "upcast";
pub(crate) const VERSION: &str = "version";

/// Where options stand, as messages show it.
pub(crate) const AGGREGATE_OPTIONS: &[&str] = &[NAME, EVENT];
pub(crate) const COMMAND_OPTIONS: &[&str] = &[NAME];
pub(crate) const EVENT_OPTIONS: &[&str] = &[NAME, VERSION, UPCAST, ALIAS];
pub(crate) const EGO_OPTIONS: &[&str] = &[CRATE];
pub(crate) const HANDLERS_OPTIONS: &[&str] = &[CRATE, REGISTER];
