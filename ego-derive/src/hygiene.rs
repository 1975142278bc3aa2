//! Spans of generated code: local names that the user's code cannot see, at places that help the reader of an error.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::Path;

/// Generated code at the place of a token of the user's. A keyword or a bracket, never a name: an editor follows every generated token
/// that stands where a name does.
pub(crate) fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

/// The path to ego at this place. rustc takes the place of a path from its first token.
pub(crate) fn krate_at(krate: &Path, span: Span) -> TokenStream {
    let tokens = krate.to_token_stream().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(span));
        token
    });
    tokens.collect()
}

/// `quote!` with local names of its own, at the place of the macro's call.
macro_rules! code {
    ($($tokens:tt)*) => {
        ::quote::quote_spanned!(::proc_macro2::Span::mixed_site()=> $($tokens)*)
    };
}
pub(crate) use code;
