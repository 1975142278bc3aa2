//! `#[derive(Personal)]`: says which fields of a payload, a state, a view or a part of one are personal, and whose.

mod attr;
mod check;
mod expand;
pub(crate) mod field;
mod model;

pub(crate) use attr::subject;

use crate::ctxt::Ctxt;
use model::Struct;
use proc_macro2::TokenStream;
use syn::DeriveInput;

pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let cx = Ctxt::new();
    let of = Struct::read(&cx, input);
    check::check(&cx, &of);
    match cx.finish() {
        Ok(()) => expand::expand(&of),
        Err(errors) => expand::fallback(&of, errors),
    }
}
