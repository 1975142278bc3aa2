//! `#[derive(Command)]`: gives a command its registered name.

mod attr;
mod check;
mod expand;
mod model;

use crate::ctxt::Ctxt;
use model::Command;
use proc_macro2::TokenStream;
use syn::DeriveInput;

pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let cx = Ctxt::new();
    let command = Command::read(&cx, input);
    check::check(&cx, &command);
    match cx.finish() {
        Ok(()) => expand::expand(&command),
        Err(errors) => expand::fallback(&command, errors),
    }
}
