//! Where something is defined, for the descriptors.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::Path;

/// `Location::new(file!(), 12)` for the line of this token. `line!()` would be the line of the attribute.
pub(crate) fn of(krate: &Path, span: Span) -> TokenStream {
    let line = u32::try_from(span.unwrap().line()).unwrap_or(0);
    quote_spanned!(Span::mixed_site()=> #krate::__private::Location::new(::core::file!(), #line))
}
