//! A method of the user's, in whatever block.

use crate::ty::ungroup;
use proc_macro2::Span;
use syn::{Attribute, FnArg, Ident, ImplItem, ImplItemFn, PatType, ReturnType, Signature, Type};

/// A marked method.
pub(crate) struct Method<'i> {
    pub(crate) item: &'i ImplItemFn,
    pub(crate) sig: &'i Signature,
    pub(crate) cfgs: Vec<&'i Attribute>,
}

impl<'i> Method<'i> {
    pub(crate) fn new(item: &'i ImplItemFn) -> Self {
        let cfgs = item.attrs.iter().filter(|attr| attr.path().is_ident("cfg")).collect();
        Self { item, sig: &item.sig, cfgs }
    }

    /// The parameters behind the receiver.
    pub(crate) fn params(&self) -> impl Iterator<Item = &'i PatType> + use<'i> {
        self.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(param) => Some(param),
            FnArg::Receiver(_) => None,
        })
    }

    /// The written return type.
    pub(crate) fn output(&self) -> Option<&'i Type> {
        match &self.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(ungroup(ty)),
        }
    }

    pub(crate) fn keyword(&self) -> Span {
        self.sig.fn_token.span
    }

    /// The name for a call of it. It stands at the keyword, see [`crate::hygiene`].
    pub(crate) fn call_name(&self) -> Ident {
        let mut name = self.sig.ident.clone();
        name.set_span(crate::hygiene::at(self.keyword()));
        name
    }
}

/// The attributes of an item in an impl block.
pub(crate) fn attributes(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}

/// The type without groups and parentheses, as in `&(dyn Fraud + Send)`.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ungroup(ty) {
        Type::Paren(paren) => bare(&paren.elem),
        ty => ty,
    }
}

/// Whether the last part of the type's path is this name, which is all that a macro can see of a type.
pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name && last.arguments.is_none()))
}
