//! What the program knows about a projection or a reactor before it runs.

use super::super::model::{Extra, OnMethod, Reader, What};
use crate::hygiene::{at, code, krate_at};
use crate::location;
use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned;

/// ```text
/// impl Sources for Balance {
///     const SOURCES: &'static [Source<Self>] = &[Source::of::<Card>(Location::new(file!(), 31), &[TypeRef::of::<dyn Db>()])];
/// }
///
/// inventory::submit! { ProjectionDescriptor::of::<Balance>(Location::new(file!(), 28)).personal(Ask::<Balance>::shape) }
/// ```
pub(super) fn register(reader: &Reader<'_>) -> TokenStream {
    let (krate, this) = (&reader.krate, reader.this);
    let sources = reader.methods.iter().filter_map(|method| source(reader, method));
    let sources = sources_impl(reader, &code!(#(#sources),*));
    let location = location::of(krate, reader.item.impl_token.span);
    let (silent, personal) = match reader.what {
        What::Projection => (
            code!(#[allow(unused_imports)] use #krate::__private::Silent as _;),
            code!(.personal(#krate::__private::Ask::<#this>::shape)),
        ),
        What::Reactor => (TokenStream::new(), TokenStream::new()),
    };
    let descriptor = match reader.what {
        What::Projection => code!(ProjectionDescriptor),
        What::Reactor => code!(ReactorDescriptor),
    };
    code! {
        #sources
        #[allow(deprecated)]
        const _: () = {
            #silent
            #krate::__private::inventory::submit! {
                #krate::__private::#descriptor::of::<#this>(#location) #personal
            }
        };
    }
}

/// The same without a source, and unregistered.
pub(super) fn no_sources(reader: &Reader<'_>) -> TokenStream {
    sources_impl(reader, &TokenStream::new())
}

fn sources_impl(reader: &Reader<'_>, sources: &TokenStream) -> TokenStream {
    let (krate, this) = (&reader.krate, reader.this);
    let (of, source) = match reader.what {
        What::Projection => (code!(Sources), code!(Source)),
        What::Reactor => (code!(ReactorSources), code!(ReactorSource)),
    };
    quote_spanned! {at(reader.item.impl_token.span)=>
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::__private::#of for #this {
            const SOURCES: &'static [#krate::__private::#source<Self>] = &[#sources];
        }
    }
}

fn source(reader: &Reader<'_>, method: &OnMethod<'_>) -> Option<TokenStream> {
    let (krate, kind, cfgs) = (&reader.krate, method.kind.as_ref()?, &method.method.cfgs);
    let services = method.extras.iter().filter_map(|(_, extra)| match extra {
        Extra::Service(ty) => Some(code!(#krate::__private::TypeRef::of::<#ty>())),
        _ => None,
    });
    let location = location::of(krate, method.method.keyword());
    let source = match reader.what {
        What::Projection => code!(Source),
        What::Reactor => code!(ReactorSource),
    };
    let near = krate_at(krate, kind.span());
    let of = quote_spanned!(at(kind.span())=> #near::__private::#source::of::<#kind>);
    Some(code!(#(#cfgs)* #of(#location, &[#(#services),*])))
}
