//! The impl of a command.

use super::model::Command;
use crate::hygiene::{at, code};
use proc_macro2::TokenStream;
use quote::quote_spanned;

/// ```text
/// impl Command for Deposit {
///     const NAME: &'static str = "Deposit";
/// }
/// ```
pub(super) fn expand(command: &Command<'_>) -> TokenStream {
    let Command { krate, this, name, .. } = command;
    let (impl_generics, ..) = this.generics.split_for_impl();
    let (ty, name) = (&this.ty, &name.text);
    // What a command must be, a generic one can only promise.
    let promised = this
        .is_generic()
        .then(|| code!(Self: #krate::__private::Storable + ::core::marker::Send + ::core::marker::Sync + 'static));
    let bounds = this.and_where(promised);
    quote_spanned! {at(command.keyword)=>
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #krate::model::Command for #ty #bounds {
            const NAME: &'static str = #name;
        }
    }
}

/// The errors, and the impl beside them: without it every handler of the command would be refused too. What serde cannot read anyway
/// gets none.
pub(super) fn fallback(command: &Command<'_>, errors: TokenStream) -> TokenStream {
    let hopeless = command.union.is_some() || command.generics.lifetimes().next().is_some();
    let command = (!hopeless).then(|| expand(command));
    code!(#errors #command)
}
