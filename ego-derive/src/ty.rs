//! Questions about types and generics.

use crate::ctxt::Ctxt;
use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericParam, Generics, Ident, Type};

/// The type without the invisible group that a `$t:ty` of a `macro_rules!` arrives in.
pub(crate) fn ungroup(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungroup(&group.elem),
        other => other,
    }
}

/// Whether two types are written alike.
pub(crate) fn same(a: &Type, b: &Type) -> bool {
    ungroup(a) == ungroup(b)
}

/// Whether the type is `()`.
pub(crate) fn is_unit(ty: &Type) -> bool {
    matches!(ungroup(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// Whether the type is written as one that stands for several outcomes, see `ego::model::Outcome`.
pub(crate) fn is_several(ty: &Type) -> bool {
    match ungroup(ty) {
        Type::Tuple(_) | Type::Array(_) => true,
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "Vec" || last.ident == "Option"),
        _ => false,
    }
}

/// Whether `Self` is a part of the type.
pub(crate) fn mentions_self(ty: &Type) -> bool {
    fn in_tokens(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == "Self",
            TokenTree::Group(group) => in_tokens(group.stream()),
            _ => false,
        })
    }
    in_tokens(ty.to_token_stream())
}

/// The type as a person would write it.
pub(crate) fn show(ty: impl ToTokens) -> String {
    let mut text = ty.to_token_stream().to_string();
    for (from, to) in [(" :: ", "::"), (":: ", "::"), (" < ", "<"), ("< ", "<"), (" >", ">"), (" ,", ","), ("& ", "&")] {
        text = text.replace(from, to);
    }
    text
}

/// A type by its name and generics. It owns its values: after `check` has refused lifetimes, `'static` stands in for them, so that the
/// fallback does not make a second error of the first.
pub(crate) struct Owned {
    pub(crate) generics: Generics,
    pub(crate) ty: TokenStream,
}

impl Owned {
    pub(crate) fn new(ident: &Ident, generics: &Generics) -> Self {
        let arguments = generics.params.iter().map(|param| match param {
            GenericParam::Lifetime(_) => quote!('static),
            GenericParam::Type(param) => param.ident.to_token_stream(),
            GenericParam::Const(param) => param.ident.to_token_stream(),
        });
        let ty = if generics.params.is_empty() { quote!(#ident) } else { quote!(#ident<#(#arguments),*>) };
        let mut generics = generics.clone();
        if generics.lifetimes().next().is_some() {
            generics.where_clause = None;
        }
        generics.params = generics.params.into_iter().filter(|param| !matches!(param, GenericParam::Lifetime(_))).collect();
        Self { generics, ty }
    }

    /// Whether there is more than one type of this name.
    pub(crate) fn is_generic(&self) -> bool {
        !self.generics.params.is_empty()
    }

    /// The type's own where clause with these predicates behind it.
    pub(crate) fn and_where(&self, predicates: impl IntoIterator<Item = TokenStream>) -> TokenStream {
        let own = self.generics.where_clause.iter().flat_map(|clause| &clause.predicates).map(ToTokens::to_token_stream);
        let all: Vec<_> = own.chain(predicates).collect();
        if all.is_empty() { TokenStream::new() } else { quote!(where #(#all),*) }
    }
}

/// One error per lifetime that the type declares.
pub(crate) fn no_lifetimes(cx: &Ctxt, generics: &Generics, message: &str) {
    for param in generics.lifetimes() {
        cx.error(&param.lifetime, message);
    }
}
