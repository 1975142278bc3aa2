//! How generated code reaches ego: `::ego`, or what `crate = path` says.

use crate::ctxt::Ctxt;
use crate::options::{self, Once};
use crate::symbol::{CRATE, EGO, EGO_OPTIONS};
use proc_macro2::Span;
use quote::quote_spanned;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, LitStr, Path, parse_quote};

/// `::ego`.
pub(crate) fn default() -> Path {
    let path = quote_spanned!(Span::mixed_site()=> ::ego);
    parse_quote!(#path)
}

/// From `#[ego(crate = path)]` among the attributes of a type.
pub(crate) fn on_type(cx: &Ctxt, attrs: &[Attribute]) -> Path {
    let mut krate = Once::default();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(EGO)) {
        options::on_item(cx, attr, EGO_OPTIONS, |_, meta| krate.set(meta, CRATE, path(meta)?));
    }
    krate.get().unwrap_or_else(default)
}

/// The path behind `crate =`.
pub(crate) fn path(meta: &ParseNestedMeta) -> syn::Result<Path> {
    let value = options::value(meta, "crate = path::to::ego")?;
    if value.peek(LitStr) {
        let text: LitStr = value.parse()?;
        return Err(syn::Error::new(text.span(), format!("a path belongs here, without quotes: `crate = {}`", text.value())));
    }
    Path::parse_mod_style(value)
}
