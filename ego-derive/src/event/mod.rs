//! `#[derive(Event)]`: from an enum to its stored names, bytes and upcasters.

mod attr;
mod check;
mod expand;
mod model;

use crate::ctxt::Ctxt;
use model::Events;
use proc_macro2::TokenStream;
use syn::DeriveInput;

pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let cx = Ctxt::new();
    let events = Events::read(&cx, input);
    check::check(&cx, &events);
    match cx.finish() {
        Ok(()) => expand::expand(&events),
        Err(errors) => expand::fallback(&events, errors),
    }
}
