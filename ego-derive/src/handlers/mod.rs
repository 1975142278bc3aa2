//! `#[ego::handlers]`: from an impl block to `Handles`, `Apply` and a registration.

mod attr;
mod check;
mod expand;
mod model;

use crate::ctxt::Ctxt;
use attr::BlockAttrs;
use model::Block;
use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::{Item, ItemImpl};

pub(crate) fn attribute(options: TokenStream, item: TokenStream) -> TokenStream {
    let cx = Ctxt::new();
    let attrs = BlockAttrs::read(&cx, options);
    let Ok(block) = syn::parse2::<ItemImpl>(item.clone()) else {
        return refuse(cx, item);
    };
    let block = Block::read(&cx, attrs, &block);
    check::check(&cx, &block);
    match cx.finish() {
        Ok(()) => expand::expand(&block),
        Err(errors) => expand::fallback(&block, errors),
    }
}

/// Something else than an impl block.
fn refuse(cx: Ctxt, item: TokenStream) -> TokenStream {
    const WHERE: &str = "`#[ego::handlers]` goes on the `impl` block that holds the handlers";
    match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Struct(item)) => cx.error(item.struct_token, format_args!("{WHERE}, not on the type itself")),
        Ok(Item::Enum(item)) => cx.error(item.enum_token, format_args!("{WHERE}, not on the type itself")),
        Ok(Item::Fn(item)) => cx.error(item.sig.fn_token, format_args!("{WHERE}, not on a single function")),
        Ok(other) => cx.error_at(other.span(), WHERE),
        Err(error) => cx.push(error),
    }
    let mut tokens = cx.finish().err().unwrap_or_default();
    tokens.extend(item);
    tokens
}
