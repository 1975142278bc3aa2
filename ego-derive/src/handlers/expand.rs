//! The user's block, and what stands beside it.

mod appliers;
mod commands;
mod register;

use super::attr;
use super::model::{Block, Method, attributes};
use crate::hygiene::code;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, ImplItem, ItemImpl, parse_quote};

/// ```text
/// impl Account { … }                                  // as it was, without the marks
/// const _: () = { use ego::handle as _; … };          // so that an editor knows what `handle` is
///
/// impl Handles<Deposit> for Account { … }             // for each handler: `commands`
/// impl Apply<AccountEvent> for Account { … }          // for each applier, and `Appliers` for all of them: `appliers`
/// inventory::submit! { HandlersDescriptor::of… }      // `register`
/// ```
pub(super) fn expand(block: &Block<'_>) -> TokenStream {
    let (item, marks) = (user_item(block), marks(block));
    let handles = block.handlers.iter().map(|handler| commands::handles(block, handler));
    let appliers = appliers::appliers(block);
    let register = register::register(block);
    code!(#item #marks #(#handles)* #appliers #register)
}

/// The errors, the user's block, and impls that let the rest of the program compile, so that one mistake makes one error.
pub(super) fn fallback(block: &Block<'_>, errors: TokenStream) -> TokenStream {
    let (item, marks) = (user_item(block), marks(block));
    let sound = block.item.trait_.is_none() && block.item.generics.lifetimes().next().is_none();
    let stubs = sound.then(|| {
        let (commands, appliers) = (commands::stubs(block), appliers::stubs(block));
        code!(#commands #appliers)
    });
    code!(#errors #item #marks #stubs)
}

/// The block without the marks. The signature that we demand must not earn the user a warning.
fn user_item(block: &Block<'_>) -> TokenStream {
    let mut item: ItemImpl = block.item.clone();
    for item in &mut item.items {
        let marked = attributes(item).iter().any(|attr| attr::role(&block.krate, attr).is_some());
        if !marked {
            continue;
        }
        let attrs = match item {
            ImplItem::Const(item) => &mut item.attrs,
            ImplItem::Fn(item) => &mut item.attrs,
            ImplItem::Type(item) => &mut item.attrs,
            ImplItem::Macro(item) => &mut item.attrs,
            _ => continue,
        };
        attrs.retain(|attr| attr::role(&block.krate, attr).is_none());
        if let ImplItem::Fn(item) = item {
            item.attrs.push(quiet());
        }
    }
    item.into_token_stream()
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

fn marks(block: &Block<'_>) -> TokenStream {
    let (krate, marks) = (&block.krate, &block.marks);
    code! {
        #[allow(unused_imports)]
        const _: () = {
            #(use #krate::#marks as _;)*
        };
    }
}

/// The call of the user's method. Its name stands at the keyword, see [`crate::hygiene`].
fn method_name(method: &Method<'_>) -> syn::Ident {
    let mut name = method.sig.ident.clone();
    name.set_span(crate::hygiene::at(method.keyword()));
    name
}
