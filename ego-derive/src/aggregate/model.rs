//! An aggregate as we speak of it.

use super::attr::{AggregateAttrs, Kind};
use super::snapshot::{self, Snapshot};
use crate::ctxt::Ctxt;
use crate::krate;
use crate::ty::Owned;
use crate::upcast::Upcaster;
use proc_macro2::Span;
use syn::{Data, DeriveInput, Generics, Ident, Path, Type};

/// ```text
/// #[derive(Aggregate)]
/// #[aggregate(name = kind, event = event)]      // or: durable, version = 2, upcast(1 => f)
/// struct ident<generics> { … }
/// ```
pub(super) struct Aggregate<'i> {
    pub(super) ident: &'i Ident,
    pub(super) generics: &'i Generics,
    pub(super) krate: Path,
    pub(super) this: Owned,
    pub(super) keyword: Span,
    pub(super) kind: Option<Kind>,
    pub(super) event: Option<Type>,
    /// The word, if its state is kept instead of events.
    pub(super) durable: Option<Span>,
    pub(super) version: Option<(u32, Span)>,
    /// The word, and how older states are read.
    pub(super) upcasters: Option<(Span, Vec<Upcaster>)>,
    pub(super) unreadable_upcasters: bool,
    pub(super) snapshot: Option<Snapshot>,
    /// A number for what serde sees of it.
    pub(super) shape: u64,
    /// Whether the options could be read, so that a missing one is really missing.
    pub(super) readable: bool,
    /// The keyword, if it is a union.
    pub(super) union: Option<Span>,
    pub(super) data: &'i Data,
}

impl<'i> Aggregate<'i> {
    pub(super) fn read(cx: &Ctxt, input: &'i DeriveInput) -> Self {
        let (keyword, union) = match &input.data {
            Data::Struct(data) => (data.struct_token.span, None),
            Data::Enum(data) => (data.enum_token.span, None),
            Data::Union(data) => (data.union_token.span, Some(data.union_token.span)),
        };
        let before = cx.count();
        let attrs = AggregateAttrs::read(cx, &input.attrs);
        Self {
            ident: &input.ident,
            generics: &input.generics,
            readable: cx.count() == before,
            krate: krate::on_type(cx, &input.attrs),
            this: Owned::new(&input.ident, &input.generics),
            keyword,
            kind: attrs.name,
            event: attrs.event,
            durable: attrs.durable,
            version: attrs.version,
            upcasters: attrs.upcasters,
            unreadable_upcasters: attrs.unreadable_upcasters,
            snapshot: attrs.snapshot,
            shape: snapshot::shape(input),
            union,
            data: &input.data,
        }
    }

    /// The version of the state that is written now.
    pub(super) fn version(&self) -> u32 {
        self.version.map_or(1, |(version, _)| version)
    }

    /// How older states are read.
    pub(super) fn steps(&self) -> &[Upcaster] {
        self.upcasters.as_ref().map_or(&[], |(_, steps)| steps)
    }
}
