//! The options of a block, and the marks on its methods.

use crate::ctxt::Ctxt;
use crate::krate;
use crate::mark;
use crate::options::{self, Once};
use crate::symbol::{APPLY, CRATE, DURABLE, HANDLE, HANDLERS_OPTIONS};
use proc_macro2::{Span, TokenStream};
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Path, Token, Type, parenthesized};

/// `#[ego::handlers(crate = path, register(Wallet<Usd>), durable)]`.
pub(super) struct BlockAttrs {
    pub(super) krate: Path,
    pub(super) register: Option<Register>,
    pub(super) durable: Option<Span>,
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
        let (mut krate, mut register, mut durable) = (Once::default(), Once::default(), Once::default());
        options::in_list(cx, "ego::handlers", options, HANDLERS_OPTIONS, |key, meta| match key {
            CRATE => krate.set(meta, key, krate::path(meta)?),
            DURABLE => durable.set(meta, key, meta.path.span()).and_then(|()| options::flag(meta)),
            _ => {
                let instances = instances(meta)?;
                register.set(meta, key, instances)
            }
        });
        let readable = cx.count() == before;
        let krate = krate.get().unwrap_or_else(krate::default);
        Self { krate, register: register.get(), durable: durable.get(), readable }
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

/// The words that mark a method of a block.
pub(super) const MARKS: &[&str] = &[HANDLE, APPLY];

/// The one mark of a method or another item of the block.
pub(super) fn mark(cx: &Ctxt, krate: &Path, attrs: &[Attribute]) -> Option<&'static str> {
    let both = "a method is either a command handler or an event applier, not both";
    let (mark, attr) = mark::one(cx, krate, attrs, MARKS, both)?;
    mark::takes_no_options(cx, mark, attr);
    Some(mark)
}
