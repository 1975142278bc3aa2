//! The impls of a durable aggregate.

use super::super::model::Aggregate;
use super::{aggregate_impl, bounds};
use crate::hygiene::{at, code};
use crate::upcast;
use proc_macro2::TokenStream;
use quote::quote_spanned;

/// ```text
/// impl Aggregate for Cart {
///     const KIND: &'static str = "cart";
///     const VERSION: u32 = 2;
///     const STATE: Option<AsState<Self>> = Some(AsState::of());
///     type Event = Saved<Cart>;
///     fn apply(&mut self, event: &Saved<Cart>) {
///         replace(self, event)
///     }
/// }
///
/// impl Durable for Cart {
///     fn read(stored: Stored<'_>, codec: &AnyCodec) -> Result<Self, DecodeError> {
///         Ok(match stored.version {
///             1 => {
///                 let old = old(codec, stored)?;
///                 step::<Self>(stored, v1_to_v2(old))?
///             }
///             2 => state::<Self>(codec, stored)?,
///             _ => return Err(DecodeError::unknown(stored)),
///         })
///     }
/// }
/// ```
/// A generic one is registered with `ego::register!`, without the commands of its blocks: `impl Registers for Wallet<C> {}`.
pub(super) fn durable(aggregate: &Aggregate<'_>, kind: &TokenStream) -> TokenStream {
    let (krate, newest) = (&aggregate.krate, aggregate.version());
    let older = (1..newest).zip(0..).map(|(version, skip)| {
        let steps = aggregate.steps().get(skip..).unwrap_or_default();
        let way = upcast::way(
            krate,
            steps,
            aggregate.keyword,
            |krate, span, call| quote_spanned!(at(span)=> #krate::__private::step::<Self>(stored, #call)?),
        );
        code!(#version => { #way })
    });
    impls(
        aggregate,
        kind,
        &code! {
            ::core::result::Result::Ok(match stored.version {
                #(#older,)*
                #newest => #krate::__private::state::<Self>(codec, stored)?,
                _ => return ::core::result::Result::Err(#krate::model::DecodeError::unknown(stored)),
            })
        },
    )
}

/// The same without a call of what may be wrong.
pub(super) fn fallback(aggregate: &Aggregate<'_>) -> TokenStream {
    impls(aggregate, &code!(""), &code!(let _ = (stored, codec); loop {}))
}

fn impls(aggregate: &Aggregate<'_>, kind: &TokenStream, read: &TokenStream) -> TokenStream {
    let (krate, this) = (&aggregate.krate, &aggregate.this);
    let (impl_generics, ..) = this.generics.split_for_impl();
    let ty = &this.ty;
    let bounds = bounds(aggregate);
    let apply = code!(#krate::__private::replace(self, event));
    let aggregate_impl = aggregate_impl(aggregate, kind, &code!(#krate::model::Saved<Self>), &apply);
    let registers = this.is_generic().then(|| {
        code! {
            #[automatically_derived]
            #[allow(deprecated)]
            impl #impl_generics #krate::__private::Registers for #ty #bounds {}
        }
    });
    quote_spanned! {at(aggregate.keyword)=>
        #aggregate_impl

        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #krate::model::Durable for #ty #bounds {
            fn read(
                stored: #krate::model::Stored<'_>,
                codec: &#krate::__private::AnyCodec,
            ) -> ::core::result::Result<Self, #krate::model::DecodeError> {
                #read
            }
        }

        #registers
    }
}
