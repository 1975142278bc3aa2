//! The user's block, and what stands beside it.

mod appliers;
mod commands;
mod register;

use super::attr::MARKS;
use super::model::Block;
use crate::hygiene::code;
use crate::mark;
use proc_macro2::TokenStream;

/// ```text
/// impl Account { … }                                  // as it was, without the marks
/// const _: () = { use ego::handle as _; … };          // so that an editor knows what `handle` is
///
/// impl Handles<Deposit> for Account { … }             // for each handler: `commands`
/// impl Apply<AccountEvent> for Account { … }          // for each applier, and `Appliers` for all of them: `appliers`
/// inventory::submit! { HandlersDescriptor::of… }      // `register`
/// ```
pub(super) fn expand(block: &Block<'_>) -> TokenStream {
    let written = written(block);
    let handles = block.handlers.iter().map(|handler| commands::handles(block, handler));
    let appliers = appliers::appliers(block);
    let register = register::register(block);
    code!(#written #(#handles)* #appliers #register)
}

/// The errors, the user's block, and impls that let the rest of the program compile, so that one mistake makes one error.
pub(super) fn fallback(block: &Block<'_>, errors: TokenStream) -> TokenStream {
    let written = written(block);
    let sound = block.item.trait_.is_none() && block.item.generics.lifetimes().next().is_none();
    let stubs = sound.then(|| {
        let (commands, appliers) = (commands::stubs(block), appliers::stubs(block));
        code!(#commands #appliers)
    });
    code!(#errors #written #stubs)
}

/// The user's block, and what an editor follows its marks to.
fn written(block: &Block<'_>) -> TokenStream {
    let item = mark::without(block.item, &block.krate, MARKS);
    let anchors = mark::anchors(&block.krate, &block.marks);
    code!(#item #anchors)
}
