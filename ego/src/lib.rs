//! ego: plain structs, enums and impl blocks in; a running, durable domain out.
pub mod message;
pub mod store;
