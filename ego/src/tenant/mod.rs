//! Tenants: several customers in one store and one program, who never see each other.
//!
//! [`Tenants`] keeps an engine for each tenant that is wanted, and sends away those that nobody uses. Each works on a [`TenantStore`]:
//! the tenant's part of the store, which looks like a store of its own. What is put apart is everything that has a name: streams with
//! their command ids, replies, snapshots and states; views, indexes and dead letters; checkpoints. What a tenant's engine records says
//! so in its [metadata](crate::message::Metadata::tenant), and a command of another tenant is refused.
//!
//! Tenants share the positions of the log: a tenant's have gaps, which tell how much was recorded for all of them together; a consumer's
//! lag counts in them. What is recorded for one wakes nobody of another, and retention waits for a tenant's own consumers alone.
//!
//! A tenant is called what [`Tenant`](crate::message::Tenant) allows. In the store, its name stands before every kind and table:
//! `acme.account`, `shop_207.account` for `shop 7`. Letters, digits and `-` of ASCII stand for themselves, every other byte is `_` and two
//! hexadecimal digits; no name has a dot, so the first dot ends it. Written like that it has at most [`TenantStore::MAX_NAME_BYTES`], and
//! kinds are so much shorter: an engine whose kinds are too long does not start.

mod erase;
mod guard;
mod heads;
mod name;
mod pool;
mod store;

pub use guard::TenantEngine;
pub use pool::{TenantError, Tenants, TenantsBuilder};
pub use store::TenantStore;
