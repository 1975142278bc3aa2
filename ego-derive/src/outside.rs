//! Marks of methods where no block reads them.

use proc_macro2::{Span, TokenStream};

/// Says where the mark belongs, `an #[ego::handlers] impl block`, and leaves the item as it is.
pub(crate) fn refuse(mark: &str, block: &str, item: TokenStream) -> TokenStream {
    let message = format!("`#[{mark}]` works only on a method inside {block}");
    let mut tokens = syn::Error::new(Span::call_site(), message).to_compile_error();
    tokens.extend(item);
    tokens
}
