//! The names of attributes and options, each written once.

pub(crate) const AFTER: &str = "after";
pub(crate) const AGGREGATE: &str = "aggregate";
pub(crate) const ALIAS: &str = "alias";
pub(crate) const APPLY: &str = "apply";
pub(crate) const AUDIENCE: &str = "audience";
pub(crate) const COMMAND: &str = "command";
pub(crate) const CRATE: &str = "crate";
pub(crate) const DURABLE: &str = "durable";
pub(crate) const EGO: &str = "ego";
pub(crate) const EVENT: &str = "event";
pub(crate) const EVERY: &str = "every";
pub(crate) const HANDLE: &str = "handle";
pub(crate) const INDEX: &str = "index";
pub(crate) const KEY: &str = "key";
pub(crate) const MODE: &str = "mode";
pub(crate) const NAME: &str = "name";
pub(crate) const NONE: &str = "none";
pub(crate) const ON: &str = "on";
pub(crate) const PERSONAL: &str = "personal";
pub(crate) const REDACTED: &str = "redacted";
pub(crate) const REGISTER: &str = "register";
pub(crate) const REJECTED: &str = "rejected";
pub(crate) const REPLAYED: &str = "replayed";
pub(crate) const SLOWER_THAN: &str = "slower_than";
pub(crate) const SNAPSHOT: &str = "snapshot";
pub(crate) const START: &str = "start";
pub(crate) const SUBJECT: &str = "subject";
pub(crate) const TIMEOUT: &str = "timeout";
pub(crate) const UPCAST: &str = "upcast";
pub(crate) const VERSION: &str = "version";

// The options that each attribute takes, in the order in which messages list them.
pub(crate) const AGGREGATE_OPTIONS: &[&str] = &[NAME, EVENT, DURABLE, VERSION, UPCAST, SNAPSHOT];
pub(crate) const COMMAND_OPTIONS: &[&str] = &[NAME];
pub(crate) const EVENT_OPTIONS: &[&str] = &[NAME, VERSION, UPCAST, ALIAS, SUBJECT];
pub(crate) const EGO_OPTIONS: &[&str] = &[CRATE];
pub(crate) const HANDLERS_OPTIONS: &[&str] = &[CRATE, REGISTER, DURABLE];
pub(crate) const PERSONAL_FIELD_OPTIONS: &[&str] = &[REDACTED];
pub(crate) const PERSONAL_OPTIONS: &[&str] = &[SUBJECT, NONE];
pub(crate) const PROJECTION_OPTIONS: &[&str] = &[NAME, VERSION, MODE, CRATE];
pub(crate) const REACTOR_OPTIONS: &[&str] = &[NAME, AUDIENCE, CRATE];
pub(crate) const SAGA_OPTIONS: &[&str] = &[NAME, VERSION, UPCAST, CRATE];
pub(crate) const SNAPSHOT_OPTIONS: &[&str] = &[EVERY, AFTER, REPLAYED, SLOWER_THAN];
