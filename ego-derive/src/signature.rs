//! The rules that all marked methods share: a plain method with plain parameters, without generics.

use crate::ctxt::Ctxt;
use crate::method::Method;
use syn::visit::Visit;
use syn::{GenericParam, ReturnType, Safety, TypeImplTrait};

/// `what` is `a command handler`; `why_concrete` says why it has no parameters of its own.
pub(crate) fn is_plain(cx: &Ctxt, method: &Method<'_>, what: &str, why_concrete: &str) {
    if let Some(token) = &method.sig.constness {
        cx.error(token, format_args!("{what} is called at run time: remove `const`"));
    }
    is_safe(cx, method, what);
    is_concrete(cx, method, what, why_concrete);
}

/// It can be called like any other.
pub(crate) fn is_safe(cx: &Ctxt, method: &Method<'_>, what: &str) {
    let sig = method.sig;
    if let Safety::Unsafe(token) = &sig.safety {
        cx.error(token, format_args!("{what} is called from safe code: remove `unsafe`"));
    }
    if let Some(abi) = &sig.abi {
        cx.error(abi, format_args!("{what} is an ordinary Rust method: remove `extern`"));
    }
    if let Some(variadic) = &sig.variadic {
        cx.error(variadic, format_args!("{what} has a fixed list of parameters"));
    }
}

/// It has no parameters in angle brackets, and the same in parentheses everywhere.
pub(crate) fn is_concrete(cx: &Ctxt, method: &Method<'_>, what: &str, why_concrete: &str) {
    let sig = method.sig;
    if let Some(param) = sig.generics.params.first() {
        match param {
            GenericParam::Lifetime(param) => cx.error(param, format_args!("{what} needs no named lifetimes: leave them out")),
            GenericParam::Type(_) | GenericParam::Const(_) => {
                cx.error(param, format_args!("{what} cannot be generic: {why_concrete}"))
            }
        }
    }
    for param in method.params() {
        for attr in param.attrs.iter().filter(|attr| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr")) {
            cx.error(attr, format_args!("{what} has the same parameters everywhere: put `#[cfg]` on the method"));
        }
    }
}

/// Generated code writes the return type again.
pub(crate) fn returns_a_nameable_type(cx: &Ctxt, method: &Method<'_>, what: &str) {
    if let ReturnType::Type(_, ty) = &method.sig.output {
        Nameable { cx, what }.visit_type(ty);
    }
}

struct Nameable<'c> {
    cx: &'c Ctxt,
    what: &'c str,
}

impl<'t> Visit<'t> for Nameable<'_> {
    fn visit_type_impl_trait(&mut self, ty: &'t TypeImplTrait) {
        self.cx.error(
            ty,
            format_args!("the return type of {} must be nameable: write the type itself instead of `impl`", self.what),
        );
    }
}
