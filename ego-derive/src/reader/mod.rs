//! `#[ego::projection]`, `#[ego::reactor]` and `#[ego::saga]`: from an impl block to what reads events of some kinds, and a registration.

mod attr;
mod check;
mod expand;
mod model;
mod on;

use crate::ctxt::Ctxt;
use attr::ReaderAttrs;
use model::Reader;
pub(crate) use model::What;
use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::{Item, ItemImpl};

pub(crate) fn attribute(what: What, options: TokenStream, item: TokenStream) -> TokenStream {
    let cx = Ctxt::new();
    let attrs = ReaderAttrs::read(&cx, what, options);
    let Ok(block) = syn::parse2::<ItemImpl>(item.clone()) else {
        return refuse(cx, what, item);
    };
    let reader = Reader::read(&cx, what, attrs, &block);
    check::check(&cx, &reader);
    match cx.finish() {
        Ok(()) => expand::expand(&reader),
        Err(errors) => expand::fallback(&reader, errors),
    }
}

/// Something else than an impl block.
fn refuse(cx: Ctxt, what: What, item: TokenStream) -> TokenStream {
    let mark = if what == What::Saga { "start" } else { "on" };
    let place = format!("`#[{}]` goes on the `impl` block that holds the `#[{mark}(…)]` methods", what.path());
    match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Struct(item)) => cx.error(item.struct_token, format_args!("{place}, not on the type itself")),
        Ok(Item::Enum(item)) => cx.error(item.enum_token, format_args!("{place}, not on the type itself")),
        Ok(Item::Fn(item)) => cx.error(item.sig.fn_token, format_args!("{place}, not on a single function")),
        Ok(other) => cx.error_at(other.span(), place),
        Err(error) => cx.push(error),
    }
    let mut tokens = cx.finish().err().unwrap_or_default();
    tokens.extend(item);
    tokens
}
