//! An aggregate as we speak of it.

use super::attr::{AggregateAttrs, Kind};
use crate::ctxt::Ctxt;
use crate::krate;
use crate::ty::Owned;
use proc_macro2::Span;
use syn::{Data, DeriveInput, Generics, Ident, Path, Type};

/// ```text
/// #[derive(Aggregate)]
/// #[aggregate(name = kind, event = event)]
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
        let AggregateAttrs { name: kind, event } = AggregateAttrs::read(cx, &input.attrs);
        Self {
            ident: &input.ident,
            generics: &input.generics,
            readable: cx.count() == before,
            krate: krate::on_type(cx, &input.attrs),
            this: Owned::new(&input.ident, &input.generics),
            keyword,
            kind,
            event,
            union,
            data: &input.data,
        }
    }
}
