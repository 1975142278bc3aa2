//! A command as we speak of it.

use super::attr;
use crate::ctxt::Ctxt;
use crate::krate;
use crate::name::Name;
use crate::ty::Owned;
use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Generics, Path};

/// ```text
/// #[derive(Command)]
/// #[command(name = "…")]
/// struct Deposit<generics> { … }
/// ```
pub(super) struct Command<'i> {
    pub(super) krate: Path,
    pub(super) generics: &'i Generics,
    pub(super) this: Owned,
    pub(super) keyword: Span,
    pub(super) name: Name,
    /// The keyword, if it is a union.
    pub(super) union: Option<Span>,
    pub(super) data: &'i Data,
}

impl<'i> Command<'i> {
    pub(super) fn read(cx: &Ctxt, input: &'i DeriveInput) -> Self {
        let (keyword, union) = match &input.data {
            Data::Struct(data) => (data.struct_token.span, None),
            Data::Enum(data) => (data.enum_token.span, None),
            Data::Union(data) => (data.union_token.span, Some(data.union_token.span)),
        };
        let given = attr::name(cx, &input.attrs);
        let name =
            given.as_ref().map_or_else(|| Name { text: input.ident.unraw().to_string(), span: input.ident.span() }, Name::new);
        Self {
            krate: krate::on_type(cx, &input.attrs),
            generics: &input.generics,
            this: Owned::new(&input.ident, &input.generics),
            keyword,
            name,
            union,
            data: &input.data,
        }
    }
}
