//! The impls of an event enum.

mod glue;

use super::model::{Events, Shape, Variant};
use crate::hygiene::{at, code, krate_at};
use crate::upcast;
use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned;

/// ```text
/// impl Event for AccountEvent {
///     const SCHEMAS: &'static [EventSchema] = &[
///         EventSchema::new("Opened", 1),
///         EventSchema::new("deposited", 2).with_aliases(&["Credited"]),
///     ];
///     const PERSONAL: &'static [fn() -> Option<&'static Shape>] = &[Ask::<Opened>::shape, || None];    // where something may be
///     fn schema(&self) -> &'static EventSchema {
///         entry(Self::SCHEMAS, match self { Self::Opened(..) => 0, Self::Deposited { .. } => 1 })
///     }
///     fn encode_into(&self, codec: &AnyCodec, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
///         match self {
///             Self::Opened(payload) => payload::<Opened>().encode(codec, payload, bytes),
///             Self::Deposited { .. } => inline::<Self>().encode(codec, self, bytes),
///         }
///     }
///     fn decode(stored: Stored<'_>, codec: &AnyCodec, events: &mut Vec<Self>) -> Result<(), DecodeError> {
///         match (index(Self::SCHEMAS, stored), stored.version) {
///             (0, 1) => events.push(Self::Opened(payload::<Opened>().decode(codec, stored)?)),
///             (1, 1) => {
///                 let old = old(codec, stored)?;
///                 last::<Self, _>(stored, v1_to_v2(old), events)?
///             }
///             (1, 2) => events.push(inline::<Self>().decode(codec, stored, 1)?),
///             _ => return Err(DecodeError::unknown(stored)),
///         }
///         Ok(())
///     }
/// }
/// ```
/// and the [`glue`](glue::glue).
pub(super) fn expand(events: &Events<'_>) -> TokenStream {
    let krate = &events.krate;
    let schemas = events.variants.iter().map(|variant| schema(events, variant));
    let places = events.variants.iter().enumerate().map(|(index, Variant { ident, .. })| code!(Self::#ident { .. } => #index,));
    let encoders = events.variants.iter().map(|variant| encoder(events, variant));
    let decoders = events.variants.iter().enumerate().map(|(index, variant)| decoder(events, index, variant));
    let personal = personal(events);
    // `match self {}` is refused for a reference, even to an enum without variants.
    let this = if events.variants.is_empty() { code!(*self) } else { code!(self) };
    let body = code! {
        const SCHEMAS: &'static [#krate::model::EventSchema] = &[#(#schemas),*];
        #personal

        fn schema(&self) -> &'static #krate::model::EventSchema {
            #krate::__private::entry(<Self as #krate::model::Event>::SCHEMAS, match #this { #(#places)* })
        }

        fn encode_into(
            &self,
            codec: &#krate::__private::AnyCodec,
            bytes: &mut ::std::vec::Vec<u8>,
        ) -> ::core::result::Result<(), #krate::__private::CodecError> {
            match #this { #(#encoders)* }
        }

        fn decode(
            stored: #krate::model::Stored<'_>,
            codec: &#krate::__private::AnyCodec,
            events: &mut ::std::vec::Vec<Self>,
        ) -> ::core::result::Result<(), #krate::model::DecodeError> {
            match (#krate::__private::index(<Self as #krate::model::Event>::SCHEMAS, stored), stored.version) {
                #(#decoders)*
                _ => return ::core::result::Result::Err(#krate::model::DecodeError::unknown(stored)),
            }
            ::core::result::Result::Ok(())
        }
    };
    let event = event_impl(events, body);
    let glue = glue::glue(events);
    code!(#event #glue)
}

/// The errors, and impls that let the rest of the program compile, so that one mistake makes one error.
pub(super) fn fallback(events: &Events<'_>, errors: TokenStream) -> TokenStream {
    let krate = &events.krate;
    let body = code! {
        const SCHEMAS: &'static [#krate::model::EventSchema] = &[];
        fn schema(&self) -> &'static #krate::model::EventSchema {
            loop {}
        }
        fn encode_into(
            &self,
            _: &#krate::__private::AnyCodec,
            _: &mut ::std::vec::Vec<u8>,
        ) -> ::core::result::Result<(), #krate::__private::CodecError> {
            loop {}
        }
        fn decode(
            _: #krate::model::Stored<'_>,
            _: &#krate::__private::AnyCodec,
            _: &mut ::std::vec::Vec<Self>,
        ) -> ::core::result::Result<(), #krate::model::DecodeError> {
            loop {}
        }
    };
    let event = event_impl(events, body);
    let glue = glue::glue(events);
    code!(#errors #event #glue)
}

fn event_impl(events: &Events<'_>, body: TokenStream) -> TokenStream {
    let (krate, this) = (&events.krate, &events.this.ty);
    let (impl_generics, ..) = events.this.generics.split_for_impl();
    let bounds = bounds(events);
    // The allowed lints speak about an enum without variants and about variants that the user deprecated.
    quote_spanned! {at(events.keyword)=>
        #[automatically_derived]
        #[allow(deprecated, unreachable_code)]
        impl #impl_generics #krate::model::Event for #this #bounds {
            #body
        }
    }
}

/// What a generic enum must be, beyond what it says itself.
fn bounds(events: &Events<'_>) -> TokenStream {
    let krate = &events.krate;
    if !events.this.is_generic() {
        return events.this.and_where([]);
    }
    let payloads = events.payloads().into_iter().map(|payload| {
        let ty = payload.ty;
        code!(#ty: #krate::__private::Storable)
    });
    let inline = events.has_inline().then(|| code!(Self: #krate::__private::Storable));
    let owned = code!(Self: ::core::marker::Send + ::core::marker::Sync + 'static);
    events.this.and_where(std::iter::once(owned).chain(inline).chain(payloads))
}

fn schema(events: &Events<'_>, variant: &Variant<'_>) -> TokenStream {
    let krate = &events.krate;
    let (name, version) = (&variant.name.text, variant.version);
    let aliases = variant.aliases.iter().map(|alias| &alias.text);
    let aliases = (!variant.aliases.is_empty()).then(|| code!(.with_aliases(&[#(#aliases),*])));
    code!(#krate::model::EventSchema::new(#name, #version) #aliases)
}

/// What is personal in each variant, unless nothing can be.
fn personal(events: &Events<'_>) -> Option<TokenStream> {
    let krate = &events.krate;
    let may_be = |variant: &Variant<'_>| match variant.shape {
        Shape::Payload { .. } => true,
        _ => variant.fields.may_be_personal(),
    };
    if !events.variants.iter().any(may_be) {
        return None;
    }
    let shapes = events.variants.iter().map(|variant| match variant.shape {
        Shape::Payload { ty, .. } => {
            let near = krate_at(krate, ty.span());
            quote_spanned!(at(ty.span())=> #near::__private::Ask::<#ty>::shape)
        }
        _ if !may_be(variant) => code!(|| ::core::option::Option::None),
        _ => {
            let shape = variant.fields.shape(krate, variant.subject.as_ref());
            code!(|| ::core::option::Option::Some(const { &#shape }))
        }
    });
    Some(code! {
        const PERSONAL: &'static [fn() -> ::core::option::Option<&'static #krate::__private::Shape>] = {
            #[allow(unused_imports)]
            use #krate::__private::Silent as _;
            &[#(#shapes),*]
        };
    })
}

fn encoder(events: &Events<'_>, Variant { ident, shape, .. }: &Variant<'_>) -> TokenStream {
    let content = content(events, shape);
    match shape {
        Shape::Payload { .. } => code!(Self::#ident(payload) => #content.encode(codec, payload, bytes),),
        _ => code!(Self::#ident { .. } => #content.encode(codec, self, bytes),),
    }
}

/// One arm per version that was ever written.
fn decoder(events: &Events<'_>, index: usize, variant: &Variant<'_>) -> TokenStream {
    let Variant { ident, shape, version: newest, .. } = variant;
    let content = content(events, shape);
    let place = u32::try_from(index).unwrap_or(u32::MAX);
    let read = match shape {
        Shape::Payload { .. } => code!(events.push(Self::#ident(#content.decode(codec, stored)?))),
        _ => code!(events.push(#content.decode(codec, stored, #place)?)),
    };
    let older = (1..*newest).zip(0..).map(|(version, skip)| upcasts(events, index, variant, version, skip));
    code!(#(#older)* (#index, #newest) => #read,)
}

/// `(1, 1) => { let old = old(codec, stored)?; let old = step(stored, f(old))?; last(stored, g(old), events)? }`
fn upcasts(events: &Events<'_>, index: usize, variant: &Variant<'_>, version: u32, skip: usize) -> TokenStream {
    let steps = variant.upcasters.get(skip..).unwrap_or_default();
    let body = upcast::way(
        &events.krate,
        steps,
        events.keyword,
        |krate, span, call| quote_spanned!(at(span)=> #krate::__private::last::<Self, _>(stored, #call, events)?),
    );
    code!((#index, #version) => { #body })
}

/// Always the same tokens for one type, so that rustc reports a type that cannot be stored once.
fn content(events: &Events<'_>, shape: &Shape<'_>) -> TokenStream {
    match shape {
        Shape::Payload { ty, .. } => {
            let krate = krate_at(&events.krate, ty.span());
            quote_spanned!(at(ty.span())=> #krate::__private::payload::<#ty>())
        }
        _ => {
            let krate = krate_at(&events.krate, events.keyword);
            quote_spanned!(at(events.keyword)=> #krate::__private::inline::<Self>())
        }
    }
}
