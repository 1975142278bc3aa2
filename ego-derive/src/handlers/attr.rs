//! The options of a block, and the marks on its methods.

use crate::ctxt::Ctxt;
use crate::krate;
use crate::options::{self, Once};
use crate::symbol::{APPLY, CRATE, HANDLE, HANDLERS_OPTIONS};
use proc_macro2::{Span, TokenStream};
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, Meta, Path, Token, Type, parenthesized};

/// `#[ego::handlers(crate = path, register(Wallet<Usd>))]`.
pub(super) struct BlockAttrs {
    pub(super) krate: Path,
    pub(super) register: Option<Register>,
    /// Whether the options could be read, so that a missing one is really missing.
    pub(super) readable: bool,
}

/// The instances of a generic aggregate that a block registers its commands for.
pub(super) struct Register {
    pub(super) key: Span,
    pub(super) instances: Vec<Type>,
}

impl BlockAttrs {
    pub(super) fn read(cx: &Ctxt, options: TokenStream) -> Self {
        let before = cx.count();
        let (mut krate, mut register) = (Once::default(), Once::default());
        options::in_list(cx, "ego::handlers", options, HANDLERS_OPTIONS, |key, meta| match key {
            CRATE => krate.set(meta, key, krate::path(meta)?),
            _ => {
                let instances = instances(meta)?;
                register.set(meta, key, instances)
            }
        });
        let readable = cx.count() == before;
        Self { krate: krate.get().unwrap_or_else(krate::default), register: register.get(), readable }
    }
}

fn instances(meta: &ParseNestedMeta) -> syn::Result<Register> {
    let key = meta.path.segments[0].ident.span();
    if !meta.input.peek(syn::token::Paren) {
        return Err(syn::Error::new(key, "the instances stand in parentheses: `register(Wallet<Usd>)`"));
    }
    let list;
    parenthesized!(list in meta.input);
    let instances = Punctuated::<Type, Token![,]>::parse_terminated(&list)?;
    Ok(Register { key, instances: instances.into_iter().collect() })
}

/// What a method is marked as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Handler,
    Applier,
}

/// The mark in an attribute, with the word as it is written there.
pub(super) fn role<'a>(krate: &Path, attr: &'a Attribute) -> Option<(Role, &'a Ident)> {
    let path = attr.path();
    let word = &path.segments.last()?.ident;
    let ours = match path.segments.len() {
        1 => true,
        count => {
            let owner = &path.segments[count - 2].ident;
            owner == "ego" || krate.segments.last().is_some_and(|krate| krate.ident == *owner)
        }
    };
    match word {
        word if ours && word == HANDLE => Some((Role::Handler, word)),
        word if ours && word == APPLY => Some((Role::Applier, word)),
        _ => None,
    }
}

/// The one mark of a method or another item of the block.
pub(super) fn mark(cx: &Ctxt, krate: &Path, attrs: &[Attribute]) -> Option<Role> {
    let mut found = None;
    for attr in attrs {
        let Some((role, word)) = role(krate, attr) else { continue };
        if !matches!(attr.meta, Meta::Path(_)) {
            cx.error(&attr.meta, format_args!("`#[{word}]` takes no options"));
        }
        match found {
            None => found = Some(role),
            Some(first) if first == role => cx.error(word, format_args!("`#[{word}]` stands here twice: keep one")),
            Some(_) => cx.error(word, "a method is either a command handler or an event applier, not both"),
        }
    }
    found
}
