//! `#[handle]` and `#[apply]` where no `#[ego::handlers]` block reads them.

use proc_macro2::{Span, TokenStream};

/// Says where the attribute belongs, and leaves the item as it is.
pub(crate) fn refuse(attribute: &str, item: TokenStream) -> TokenStream {
    let message = format!("`#[{attribute}]` works only on a method inside an `#[ego::handlers]` impl block");
    let mut tokens = syn::Error::new(Span::call_site(), message).to_compile_error();
    tokens.extend(item);
    tokens
}
