//! A tenant's name in the store: what it puts before the names of its streams, tables and consumers, and takes away again.

use crate::message::{InvalidText, Name, StreamId, Tenant};
use crate::store::StoreError;
use std::fmt::Write;

/// What stands before a tenant's names. No tenant's is the beginning of another's, and none is that of two tenants.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// `acme.`, before kinds and tables.
    prefix: String,
    /// `@acme/`, before consumers: they hold up the tenant's streams alone.
    scope: String,
}

impl Names {
    /// The most bytes of a written name.
    pub(super) const MAX_BYTES: usize = 60;

    pub(super) fn of(tenant: &Tenant) -> Result<Self, InvalidText> {
        let written = written(tenant.as_str());
        if written.len() > Self::MAX_BYTES {
            return Err(InvalidText::TooLong { what: "a tenant", length: written.len(), limit: Self::MAX_BYTES });
        }
        Ok(Self { prefix: format!("{written}."), scope: format!("@{written}/") })
    }

    /// How many bytes of a name are the tenant's.
    pub(super) fn reserved(&self) -> usize {
        self.prefix.len()
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Where it stands how far the log was looked at for the tenant: no tenant's table, as no name begins with `@`.
    pub(super) fn reach(&self) -> Name {
        format!("{}reach", self.scope).into()
    }

    /// Before all of the tenant's streams, behind all of those before it: no kind ends with the prefix.
    pub(super) fn before_streams(&self) -> Result<StreamId, StoreError> {
        StreamId::new(&*self.prefix, "!").map_err(|invalid| StoreError::other("listing a tenant's streams", invalid))
    }

    /// A kind or table, as the store knows it.
    pub(super) fn put(&self, name: &str) -> Name {
        format!("{}{name}", self.prefix).into()
    }

    /// A kind or table of the store, as the tenant knows it; `None` when it is not the tenant's.
    pub(super) fn take<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.strip_prefix(&self.prefix)
    }

    pub(super) fn put_stream(&self, stream: &StreamId) -> Result<StreamId, StoreError> {
        let put = StreamId::new(self.put(stream.kind()), stream.shared_id());
        put.map_err(|invalid| StoreError::other(format!("naming the stream {stream} of a tenant"), invalid))
    }

    pub(super) fn take_stream(&self, stream: &StreamId) -> Option<StreamId> {
        let kind = self.take(stream.kind())?;
        // What is left of a kind is one, unless nothing is left.
        StreamId::new(kind, stream.shared_id()).ok()
    }

    pub(super) fn put_consumer(&self, consumer: &str) -> String {
        format!("{}{consumer}", self.scope)
    }

    pub(super) fn take_consumer<'n>(&self, consumer: &'n str) -> Option<&'n str> {
        consumer.strip_prefix(&self.scope)
    }
}

/// Each byte stands for itself, or is `_` and two digits: so nothing is written like something else.
fn written(tenant: &str) -> String {
    let mut written = String::with_capacity(tenant.len());
    for byte in tenant.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            written.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(written, "_{byte:02x}");
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What `written` wrote.
    fn read(written: &str) -> Option<String> {
        let (mut bytes, mut rest) = (Vec::new(), written);
        while let Some(first) = rest.chars().next() {
            if first == '_' {
                bytes.push(u8::from_str_radix(rest.get(1..3)?, 16).ok()?);
                rest = &rest[3..];
            } else {
                bytes.push(u8::try_from(first).ok()?);
                rest = &rest[1..];
            }
        }
        String::from_utf8(bytes).ok()
    }

    #[test]
    fn names_are_written_in_the_letters_of_a_kind() {
        assert_eq!(written("acme-7"), "acme-7");
        assert_eq!(written("a.b_c d"), "a_2eb_5fc_20d");
        assert_eq!(written("店"), "_e5_ba_97");
    }

    proptest! {
        /// What can be read again is written for one tenant alone.
        #[test]
        fn no_two_tenants_are_written_alike(tenant in "\\PC{1,40}") {
            prop_assert_eq!(read(&written(&tenant)), Some(tenant));
        }

        /// So a tenant's names are nobody else's: neither its prefix nor its scope is the beginning of another's.
        #[test]
        fn no_name_is_of_two_tenants(one in "[a-c._/@-]{1,6}", other in "[a-c._/@-]{1,6}", name in "[a-c._/@-]{1,8}") {
            prop_assume!(one != other);
            let names = |tenant: &str| Names::of(&Tenant::new(tenant).unwrap()).unwrap();
            let (one, other) = (names(&one), names(&other));
            let (kind, consumer) = (one.put(&name), one.put_consumer(&name));
            prop_assert_eq!(one.take(&kind), Some(&*name));
            prop_assert_eq!(other.take(&kind), None);
            prop_assert_eq!(one.take_consumer(&consumer), Some(&*name));
            prop_assert_eq!(other.take_consumer(&consumer), None);
            prop_assert!(one.reach() != other.reach() && one.take(&one.reach()).is_none());
            prop_assert!(other.take(&one.reach()).is_none());
        }
    }

    #[test]
    fn a_name_is_not_too_long() {
        assert!(Names::of(&Tenant::new("x".repeat(60)).unwrap()).is_ok());
        let refused = Names::of(&Tenant::new("é".repeat(11)).unwrap()).unwrap_err();
        assert_eq!(refused, InvalidText::TooLong { what: "a tenant", length: 66, limit: 60 });
    }
}
