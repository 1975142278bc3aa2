//! A struct with personal fields as we speak of it.

use super::attr::TypeAttrs;
use super::field::Fields;
use crate::ctxt::Ctxt;
use crate::krate;
use proc_macro2::Span;
use syn::{Data, DeriveInput, Fields as Shape, Generics, Ident, Path};

/// ```text
/// #[derive(Personal)]
/// #[personal(subject = subject)]
/// struct ident { fields }
/// ```
pub(super) struct Struct<'i> {
    pub(super) ident: &'i Ident,
    pub(super) generics: &'i Generics,
    pub(super) krate: Path,
    pub(super) keyword: Span,
    pub(super) attrs: TypeAttrs,
    pub(super) fields: Fields<'i>,
    /// A struct whose fields have names.
    pub(super) is_struct: bool,
}

impl<'i> Struct<'i> {
    pub(super) fn read(cx: &Ctxt, input: &'i DeriveInput) -> Self {
        let (keyword, fields) = match &input.data {
            Data::Struct(data) => (data.struct_token.span, Some(&data.fields)),
            Data::Enum(data) => (data.enum_token.span, None),
            Data::Union(data) => (data.union_token.span, None),
        };
        let is_struct = matches!(fields, Some(Shape::Named(_) | Shape::Unit));
        Self {
            ident: &input.ident,
            generics: &input.generics,
            krate: krate::on_type(cx, &input.attrs),
            keyword,
            attrs: TypeAttrs::read(cx, &input.attrs),
            fields: Fields::read(cx, fields.into_iter().flatten(), &[&input.attrs]),
            is_struct,
        }
    }
}
