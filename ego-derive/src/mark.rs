//! The marks on the methods of a block: `#[handle]`, `#[on(Account)]`. The block's macro reads them and takes them away.

use crate::ctxt::Ctxt;
use crate::hygiene::code;
use crate::method::attributes;
use proc_macro2::TokenStream;
use syn::{Attribute, Ident, ImplItem, ItemImpl, Meta, Path, parse_quote};

/// The mark in an attribute, with the word as it is written there.
pub(crate) fn word<'a>(krate: &Path, attr: &'a Attribute, words: &[&'static str]) -> Option<(&'static str, &'a Ident)> {
    let path = attr.path();
    let written = &path.segments.last()?.ident;
    let ours = match path.segments.len() {
        1 => true,
        count => {
            let owner = &path.segments[count - 2].ident;
            owner == "ego" || krate.segments.last().is_some_and(|krate| krate.ident == *owner)
        }
    };
    words.iter().find(|word| ours && written == *word).map(|word| (*word, written))
}

/// The one mark of a method or another item of the block. `both` says why it cannot have two.
pub(crate) fn one<'a>(
    cx: &Ctxt,
    krate: &Path,
    attrs: &'a [Attribute],
    words: &[&'static str],
    both: &str,
) -> Option<(&'static str, &'a Attribute)> {
    let mut found = None;
    for attr in attrs {
        let Some((mark, written)) = word(krate, attr, words) else { continue };
        match found {
            None => found = Some((mark, attr)),
            Some((first, _)) if first == mark => {
                cx.error(written, format_args!("`#[{mark}]` stands here twice: keep one"));
            }
            Some(_) => cx.error(written, both),
        }
    }
    found
}

/// Every mark among the attributes, as it is written.
pub(crate) fn written<'a>(krate: &Path, attrs: &'a [Attribute], words: &[&'static str]) -> impl Iterator<Item = &'a Ident> {
    attrs.iter().filter_map(|attr| word(krate, attr, words)).map(|(_, written)| written)
}

pub(crate) fn takes_no_options(cx: &Ctxt, mark: &str, attr: &Attribute) {
    if !matches!(attr.meta, Meta::Path(_)) {
        cx.error(&attr.meta, format_args!("`#[{mark}]` takes no options"));
    }
}

/// The block without the marks. The signature that we demand must not earn the user a warning.
pub(crate) fn without(item: &ItemImpl, krate: &Path, words: &[&'static str]) -> ItemImpl {
    let mut block = item.clone();
    for item in &mut block.items {
        if written(krate, attributes(item), words).next().is_none() {
            continue;
        }
        let attrs = match item {
            ImplItem::Const(item) => &mut item.attrs,
            ImplItem::Fn(item) => &mut item.attrs,
            ImplItem::Type(item) => &mut item.attrs,
            ImplItem::Macro(item) => &mut item.attrs,
            _ => continue,
        };
        attrs.retain(|attr| word(krate, attr, words).is_none());
        if let ImplItem::Fn(item) = item {
            item.attrs.push(quiet());
        }
    }
    block
}

fn quiet() -> Attribute {
    let attr = code! {
        #[allow(
            clippy::large_types_passed_by_value,
            clippy::needless_pass_by_value,
            clippy::too_many_arguments,
            clippy::trivially_copy_pass_by_ref,
            clippy::unnecessary_wraps,
            clippy::unused_async,
            clippy::unused_self,
        )]
    };
    parse_quote!(#attr)
}

/// Uses each mark where an editor can follow it.
pub(crate) fn anchors(krate: &Path, marks: &[&Ident]) -> TokenStream {
    code! {
        #[allow(unused_imports)]
        const _: () = {
            #(use #krate::#marks as _;)*
        };
    }
}
