//! The user's block, and what stands beside it.

mod on;
mod reader;
mod register;

use super::model::{MARKS, Reader};
use crate::hygiene::code;
use crate::mark;
use proc_macro2::TokenStream;
use syn::Type;

/// ```text
/// impl Balance { … }                                       // as it was, without the marks
/// const _: () = { use ego::on as _; … };                   // so that an editor knows what `on` is
///
/// impl Projection for Balance { … }                        // `reader`
/// impl On<Account> for Balance { … }                       // for each `#[on(…)]` method: `on`
/// impl Sources for Balance { … }                           // `register`
/// inventory::submit! { ProjectionDescriptor::of… }
/// ```
pub(super) fn expand(reader: &Reader<'_>) -> TokenStream {
    let (written, of_reader) = (written(reader), reader::reader(reader));
    let methods = reader.methods.iter().map(|method| on::on(reader, method));
    let register = register::register(reader);
    code!(#written #of_reader #(#methods)* #register)
}

/// The errors, the user's block, and impls that let the rest of the program compile, so that one mistake makes one error.
pub(super) fn fallback(reader: &Reader<'_>, errors: TokenStream) -> TokenStream {
    let written = written(reader);
    let sound = reader.item.trait_.is_none() && reader.item.generics.params.is_empty() && matches!(reader.this, Type::Path(_));
    let stubs = sound.then(|| {
        let (of_reader, sources) = (reader::stub(reader), register::no_sources(reader));
        code!(#of_reader #sources)
    });
    code!(#errors #written #stubs)
}

/// The user's block, and what an editor follows its marks to.
fn written(reader: &Reader<'_>) -> TokenStream {
    let item = mark::without(reader.item, &reader.krate, MARKS);
    let anchors = mark::anchors(&reader.krate, &reader.marks);
    code!(#item #anchors)
}
