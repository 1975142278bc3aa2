//! `#[derive(Aggregate)]`: gives a state its kind and its events, and registers it.

mod attr;
mod check;
mod expand;
mod model;
mod snapshot;

use crate::ctxt::Ctxt;
use model::Aggregate;
use proc_macro2::TokenStream;
use syn::DeriveInput;

pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let cx = Ctxt::new();
    let aggregate = Aggregate::read(&cx, input);
    check::check(&cx, &aggregate);
    match cx.finish() {
        Ok(()) => expand::expand(&aggregate),
        Err(errors) => expand::fallback(&aggregate, errors),
    }
}
