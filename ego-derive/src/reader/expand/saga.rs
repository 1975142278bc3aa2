//! `Saga`.

use super::super::model::{Extra, Hears, Reader};
use crate::hygiene::{at, code, krate_at};
use crate::symbol::REJECTED;
use crate::upcast;
use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned;

/// ```text
/// impl Saga for Transfer {
///     const NAME: &'static str = "transfer";
///     const KIND: &'static str = "saga.transfer";
///     const VERSION: u32 = 2;
///     fn read(stored: Stored<'_>, codec: &AnyCodec) -> Result<Self, DecodeError> {
///         Ok(match stored.version {
///             1 => {
///                 let old = old(codec, stored)?;
///                 step::<Self>(stored, v1_to_v2(old))?
///             }
///             2 => payload::<Transfer>().decode(codec, stored)?,
///             _ => return Err(DecodeError::unknown(stored)),
///         })
///     }
///     async fn rejected(&mut self, what: &Rejected, cx: &mut SagaContext<Self>, services: &Services) -> Result<(), Failure> {
///         <Result<(), DbError> as SagaOutput>::outcome(Self::refused(self, what, cx, service_of::<dyn Db>(services)).await)
///     }
///     async fn timed_out(&mut self, what: &str, cx: &mut SagaContext<Self>, services: &Services) -> Result<(), Failure> { … }
/// }
/// ```
/// What is not said is the trait's own default.
pub(super) fn saga(reader: &Reader<'_>) -> TokenStream {
    let read = (!reader.upcasters.is_empty()).then(|| read(reader));
    let hears = reader.hears.iter().map(|hears| heard(reader, hears));
    saga_impl(reader, &code!(#read #(#hears)*))
}

/// The same without what may be wrong.
pub(super) fn stub(reader: &Reader<'_>) -> TokenStream {
    saga_impl(reader, &TokenStream::new())
}

fn saga_impl(reader: &Reader<'_>, rest: &TokenStream) -> TokenStream {
    let (krate, this) = (&reader.krate, reader.this);
    let name = reader.name.as_ref().map_or_else(|| code!(""), |name| code!(#name));
    let kind = format!("saga.{}", reader.name.as_ref().map(syn::LitStr::value).unwrap_or_default());
    let version = reader.version.map(|(version, _)| code!(const VERSION: u32 = #version;));
    quote_spanned! {at(reader.item.impl_token.span)=>
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::model::Saga for #this {
            const NAME: &'static str = #name;
            const KIND: &'static str = #kind;
            #version
            #rest
        }
    }
}

fn read(reader: &Reader<'_>) -> TokenStream {
    let (krate, this) = (&reader.krate, reader.this);
    let newest = reader.version.map_or(1, |(version, _)| version);
    let older = (1..newest).zip(0..).map(|(version, skip)| {
        let steps = reader.upcasters.get(skip..).unwrap_or_default();
        let way = upcast::way(
            krate,
            steps,
            reader.item.impl_token.span,
            |nearby, span, call| quote_spanned!(at(span)=> #nearby::__private::step::<Self>(stored, #call)?),
        );
        code!(#version => { #way })
    });
    code! {
        fn read(
            stored: #krate::model::Stored<'_>,
            codec: &#krate::__private::AnyCodec,
        ) -> ::core::result::Result<Self, #krate::model::DecodeError> {
            ::core::result::Result::Ok(match stored.version {
                #(#older)*
                #newest => #krate::__private::payload::<#this>().decode(codec, stored)?,
                _ => return ::core::result::Result::Err(#krate::model::DecodeError::unknown(stored)),
            })
        }
    }
}

fn heard(reader: &Reader<'_>, hears: &Hears<'_>) -> TokenStream {
    let (name, cfgs, place) = (hears.method.call_name(), &hears.method.cfgs, at(hears.method.keyword()));
    let krate = krate_at(&reader.krate, place);
    let extras = hears.extras.iter().map(|(_, extra)| match extra {
        Extra::Service(ty) => {
            let near = krate_at(&reader.krate, ty.span());
            quote_spanned!(at(ty.span())=> , #near::__private::service_of::<#ty>(services))
        }
        _ => code!(, cx),
    });
    let wait = hears.method.sig.asyncness.map(|_| code!(.await));
    let call = code!(Self::#name(self, what #(#extras)*) #wait);
    let outcome = match hears.method.output() {
        Some(ty) => {
            let near = krate_at(&reader.krate, ty.span());
            let outcome = quote_spanned!(at(ty.span())=> <#ty as #near::model::SagaOutput>::outcome);
            code!(#outcome(#call))
        }
        None => code!(<() as #krate::model::SagaOutput>::outcome(#call)),
    };
    let (method, what) = if hears.mark == REJECTED {
        (quote_spanned!(place=> rejected), quote_spanned!(place=> #krate::model::Rejected))
    } else {
        (quote_spanned!(place=> timed_out), quote_spanned!(place=> str))
    };
    quote_spanned! {place=>
        #(#cfgs)*
        #[allow(unused_variables)]
        async fn #method(
            &mut self,
            what: &#what,
            cx: &mut #krate::model::SagaContext<Self>,
            services: &#krate::model::Services,
        ) -> ::core::result::Result<(), #krate::model::Failure> {
            #outcome
        }
    }
}
