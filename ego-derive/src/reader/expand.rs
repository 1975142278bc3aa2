//! The user's block, and what stands beside it.

mod on;
mod reader;
mod register;
mod saga;

use super::model::{Reader, What};
use crate::hygiene::code;
use crate::mark;
use proc_macro2::TokenStream;
use syn::Type;

/// ```text
/// impl Balance { … }                                       // as it was, without the marks
/// const _: () = { use ego::on as _; … };                   // so that an editor knows what `on` is
///
/// impl Projection for Balance { … }                        // `reader`, or `saga`
/// impl On<Account> for Balance { … }                       // for each `#[on(…)]` method: `on`
/// impl Sources for Balance { … }                           // `register`
/// inventory::submit! { ProjectionDescriptor::of… }
/// ```
pub(super) fn expand(reader: &Reader<'_>) -> TokenStream {
    let written = written(reader);
    let of_reader = if reader.what == What::Saga { saga::saga(reader) } else { reader::reader(reader) };
    let methods = reader.methods.iter().map(|method| on::on(reader, method));
    let register = register::register(reader);
    code!(#written #of_reader #(#methods)* #register)
}

/// The errors, the user's block, and impls that let the rest of the program compile, so that one mistake makes one error.
pub(super) fn fallback(reader: &Reader<'_>, errors: TokenStream) -> TokenStream {
    let written = written(reader);
    let sound = reader.item.trait_.is_none() && reader.item.generics.params.is_empty() && matches!(reader.this, Type::Path(_));
    let stubs = sound.then(|| {
        let of_reader = if reader.what == What::Saga { saga::stub(reader) } else { reader::stub(reader) };
        let sources = register::no_sources(reader);
        code!(#of_reader #sources)
    });
    code!(#errors #written #stubs)
}

/// The user's block, and what an editor follows its marks to.
fn written(reader: &Reader<'_>) -> TokenStream {
    let item = mark::without(reader.item, &reader.krate, reader.what.marks());
    let anchors = mark::anchors(&reader.krate, &reader.marks);
    code!(#item #anchors)
}
