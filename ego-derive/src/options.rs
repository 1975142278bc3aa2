//! Reads `#[event(name = "…", version = 2)]`: each option once, with its value, and every mistake in the list at once.

use crate::ctxt::Ctxt;
use crate::suggest::did_you_mean;
use crate::ty::show;
use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Data, Lit, LitStr, Meta, Token};

/// The options in the parentheses of an attribute on an item.
pub(crate) fn on_item(
    cx: &Ctxt,
    attr: &Attribute,
    known: &'static [&'static str],
    option: impl FnMut(&'static str, &ParseNestedMeta) -> syn::Result<()>,
) {
    let name = attr.path().get_ident().map(ToString::to_string).unwrap_or_default();
    match &attr.meta {
        Meta::List(list) => in_list(cx, &name, list.tokens.clone(), known, option),
        other => cx.error(other, format_args!("options stand in parentheses: `#[{name}({} = …)]`", known[0])),
    }
}

/// The options in the parentheses of an attribute macro.
pub(crate) fn in_list(
    cx: &Ctxt,
    owner: &str,
    tokens: TokenStream,
    known: &'static [&'static str],
    mut option: impl FnMut(&'static str, &ParseNestedMeta) -> syn::Result<()>,
) {
    let parsed = syn::meta::parser(|meta| {
        let word = meta.path.get_ident().map(|ident| ident.unraw().to_string()).unwrap_or_default();
        let result = match known.iter().find(|known| **known == word) {
            Some(known) => option(known, &meta),
            None => Err(unknown(owner, &meta, known)),
        };
        // The rest of a refused option is passed over, so that the options behind it are read as well.
        if let Err(error) = result {
            cx.push(error);
            skip(meta.input)?;
        }
        Ok(())
    })
    .parse2(tokens);
    if let Err(error) = parsed {
        cx.push(error);
    }
}

fn unknown(owner: &str, meta: &ParseNestedMeta, known: &[&str]) -> syn::Error {
    let word = show(&meta.path);
    let hint = did_you_mean(&word, known);
    let options = known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
    syn::Error::new(meta.path.span(), format!("unknown `{owner}` option `{word}`{hint} (options: {options})"))
}

fn skip(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// Refuses these attributes on fields and variants, where nobody would read them.
pub(crate) fn belong_on_the_type(cx: &Ctxt, data: &Data, names: &[&str]) {
    let inside: Vec<&Attribute> = match data {
        Data::Struct(data) => data.fields.iter().flat_map(|field| &field.attrs).collect(),
        Data::Enum(data) => {
            let fields = data.variants.iter().flat_map(|variant| &variant.fields).flat_map(|field| &field.attrs);
            data.variants.iter().flat_map(|variant| &variant.attrs).chain(fields).collect()
        }
        Data::Union(data) => data.fields.named.iter().flat_map(|field| &field.attrs).collect(),
    };
    for attr in inside {
        if let Some(name) = names.iter().find(|name| attr.path().is_ident(name)) {
            cx.error(attr.path(), format_args!("`#[{name}(…)]` says something about the whole type: move it there"));
        }
    }
}

/// An option that may stand once.
pub(crate) struct Once<T>(Option<T>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Once<T> {
    pub(crate) fn set(&mut self, meta: &ParseNestedMeta, key: &str, value: T) -> syn::Result<()> {
        if self.0.is_some() {
            return Err(syn::Error::new(meta.path.span(), format!("`{key}` is given twice: keep one")));
        }
        self.0 = Some(value);
        Ok(())
    }

    pub(crate) fn get(self) -> Option<T> {
        self.0
    }
}

/// Passes the `=` of an option, or says what is missing behind the key.
pub(crate) fn value<'m>(meta: &ParseNestedMeta<'m>, shape: &str) -> syn::Result<ParseStream<'m>> {
    if meta.input.peek(Token![=]) {
        let value = meta.value()?;
        if !value.is_empty() && !value.peek(Token![,]) {
            return Ok(value);
        }
    }
    Err(syn::Error::new(meta.path.span(), format!("this option needs a value: `{shape}`")))
}

/// An option that is a word alone.
pub(crate) fn flag(meta: &ParseNestedMeta) -> syn::Result<()> {
    if meta.input.is_empty() || meta.input.peek(Token![,]) {
        return Ok(());
    }
    Err(syn::Error::new(meta.path.span(), format!("this option takes no value: `{}`", show(&meta.path))))
}

/// The string behind the `=`.
pub(crate) fn string(meta: &ParseNestedMeta, shape: &str) -> syn::Result<LitStr> {
    let value = value(meta, shape)?;
    let token: TokenTree = value.fork().parse()?;
    match value.parse::<Lit>() {
        Ok(Lit::Str(text)) if text.suffix().is_empty() => Ok(text),
        Ok(other) => Err(syn::Error::new(other.span(), format!("a string belongs here: `{shape}`"))),
        Err(_) => Err(syn::Error::new(token.span(), format!("a string belongs here: `{shape}`"))),
    }
}

/// The whole number in a literal.
pub(crate) fn number(input: ParseStream<'_>, shape: &str) -> syn::Result<(u32, Span)> {
    let token: TokenTree = input.fork().parse()?;
    let refused = || syn::Error::new(token.span(), format!("a whole number belongs here: `{shape}`"));
    match input.parse::<Lit>() {
        Ok(Lit::Int(number)) => Ok((number.base10_parse().map_err(|_| refused())?, number.span())),
        _ => Err(refused()),
    }
}
