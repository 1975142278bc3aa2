//! What lets handlers return an event or a payload, and appliers take it.

use super::super::model::{Events, Shape, Variant};
use crate::hygiene::{at, code, krate_at};
use crate::ty;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};

/// ```text
/// impl Outcome<AccountEvent> for AccountEvent { … }
/// impl PartOf<AccountEvent> for AccountEvent { type Form = Whole; }
///
/// impl Outcome<AccountEvent> for Opened { … }      // these two only if no other variant carries an `Opened`
/// impl From<Opened> for AccountEvent { … }
/// impl PartOf<AccountEvent> for Opened { type Form = ByPayload; }
///
/// impl<A> AppliedAs<ByPayload, A> for AccountEvent where A: Apply<Opened>, A: Apply<Deposited> { … }
/// ```
pub(super) fn glue(events: &Events<'_>) -> TokenStream {
    let (krate, this) = (&events.krate, &events.this.ty);
    let (impl_generics, _, where_clause) = events.this.generics.split_for_impl();
    let place = at(events.keyword);
    let mut glue = quote_spanned! {place=>
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #krate::model::Outcome<Self> for #this #where_clause {
            type Reply = ();
            fn record(self, events: &mut ::std::vec::Vec<Self>) {
                events.push(self);
            }
            fn only(self) -> ::core::result::Result<Self, Self> {
                ::core::result::Result::Ok(self)
            }
        }

        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #krate::model::PartOf<Self> for #this #where_clause {
            type Form = #krate::model::Whole;
        }
    };
    for payload in events.payloads() {
        let ty = payload.ty;
        if !events.can_be_told(ty) {
            continue;
        }
        glue.extend(quote_spanned! {place=>
            #[automatically_derived]
            #[allow(deprecated)]
            impl #impl_generics #krate::model::PartOf<#this> for #ty #where_clause {
                type Form = #krate::model::ByPayload;
            }
        });
        let [Variant { ident, .. }] = payload.variants[..] else { continue };
        // What holds several things stands for several events when a handler returns it.
        if !ty::is_several(ty) {
            glue.extend(quote_spanned! {place=>
                #[automatically_derived]
                #[allow(deprecated)]
                impl #impl_generics #krate::model::Outcome<#this> for #ty #where_clause {
                    type Reply = ();
                    fn record(self, events: &mut ::std::vec::Vec<#this>) {
                        events.push(<#this>::#ident(self));
                    }
                    fn only(self) -> ::core::result::Result<#this, Self> {
                        ::core::result::Result::Ok(<#this>::#ident(self))
                    }
                }
            });
        }
        glue.extend(quote_spanned! {place=>
            #[automatically_derived]
            #[allow(deprecated)]
            impl #impl_generics ::core::convert::From<#ty> for #this #where_clause {
                fn from(payload: #ty) -> Self {
                    Self::#ident(payload)
                }
            }
        });
    }
    if events.is_told_by_payload() {
        glue.extend(by_payload(events));
    }
    glue
}

fn by_payload(events: &Events<'_>) -> TokenStream {
    let (krate, this) = (&events.krate, &events.this.ty);
    let params = events.this.generics.params.iter();
    let payloads = events.payloads();
    // Each bound stands at its variant: there rustc shows which applier is missing.
    let bounds = payloads.iter().map(|payload| {
        let (ty, krate) = (payload.ty, krate_at(krate, payload.paren));
        quote_spanned!(at(payload.paren)=> __A: #krate::model::Apply<#ty>)
    });
    let bounds = events.this.and_where(bounds);
    let arms = payloads.iter().flat_map(|payload| &payload.variants).map(|Variant { ident, shape, .. }| {
        let ty = match shape {
            Shape::Payload { ty, .. } => Some(ty),
            _ => None,
        };
        code!(Self::#ident(payload) => <__A as #krate::model::Apply<#ty>>::apply(state, payload),)
    });
    // No `#[automatically_derived]`, and the place of the keyword itself: rustc would take the missing applier for a detail of the
    // derive, and advise to write this impl by hand.
    let place = events.keyword;
    let krate = events.krate.to_token_stream().into_iter().map(|mut token| {
        token.set_span(place);
        token
    });
    let krate: TokenStream = krate.collect();
    let header = quote_spanned!(place=> #krate::model::AppliedAs<#krate::model::ByPayload, __A>);
    quote_spanned! {at(place)=>
        #[allow(deprecated)]
        impl<#(#params,)* __A> #header for #this #bounds {
            fn apply_to(&self, state: &mut __A) {
                match self { #(#arms)* }
            }
        }
    }
}
