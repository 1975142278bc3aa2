//! What the program knows about a projection, a reactor or a saga before it runs.

use super::super::model::{Extra, OnMethod, Reader, What};
use crate::hygiene::{at, code, krate_at};
use crate::location;
use crate::symbol::START;
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
/// With a saga its instances are registered, which are aggregates, and the projection of how they stand.
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
        What::Reactor | What::Saga => (TokenStream::new(), TokenStream::new()),
    };
    let descriptor = match reader.what {
        What::Projection => code!(ProjectionDescriptor),
        What::Reactor => code!(ReactorDescriptor),
        What::Saga => code!(SagaDescriptor),
    };
    let instances = (reader.what == What::Saga).then(|| {
        code! {
            #krate::__private::inventory::submit! {
                #krate::__private::AggregateDescriptor::of::<#krate::__private::Instance<#this>>(#location)
            }
            #krate::__private::inventory::submit! {
                #krate::__private::HandlersDescriptor::of::<#krate::__private::Instance<#this>>(
                    <#krate::__private::Instance<#this> as #krate::__private::Registers>::COMMANDS
                )
            }
            #krate::__private::inventory::submit! {
                #krate::__private::ProjectionDescriptor::of::<#krate::__private::SagaView<#this>>(#location)
            }
        }
    });
    code! {
        #sources
        #[allow(deprecated)]
        const _: () = {
            #silent
            #krate::__private::inventory::submit! {
                #krate::__private::#descriptor::of::<#this>(#location) #personal
            }
            #instances
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
        What::Saga => (code!(SagaSources), code!(SagaSource)),
    };
    let services = (reader.what == What::Saga).then(|| services(reader));
    quote_spanned! {at(reader.item.impl_token.span)=>
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::__private::#of for #this {
            const SOURCES: &'static [#krate::__private::#source<Self>] = &[#sources];
            #services
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
        What::Saga => code!(SagaSource),
    };
    let near = krate_at(krate, kind.span());
    let how = match reader.what {
        What::Saga if method.mark == START => quote_spanned!(at(kind.span())=> starts),
        What::Saga => quote_spanned!(at(kind.span())=> continues),
        What::Projection | What::Reactor => quote_spanned!(at(kind.span())=> of),
    };
    let of = quote_spanned!(at(kind.span())=> #near::__private::#source::#how::<#kind>);
    Some(code!(#(#cfgs)* #of(#location, &[#(#services),*])))
}

/// Those of the methods that are given no events.
fn services(reader: &Reader<'_>) -> TokenStream {
    let krate = &reader.krate;
    let all = reader.hears.iter().flat_map(|hears| {
        let cfgs = &hears.method.cfgs;
        hears.extras.iter().filter_map(move |(_, extra)| match extra {
            Extra::Service(ty) => Some(code!(#(#cfgs)* #krate::__private::TypeRef::of::<#ty>())),
            _ => None,
        })
    });
    code!(const SERVICES: &'static [#krate::__private::TypeRef] = &[#(#all),*];)
}
