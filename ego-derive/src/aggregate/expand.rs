//! The impl of an aggregate, and its registration.

mod durable;

use super::attr::Kind;
use super::model::Aggregate;
use crate::hygiene::{at, code, krate_at};
use crate::location;
use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned;

/// ```text
/// impl Aggregate for Account {
///     const KIND: &'static str = "account";
///     type Event = AccountEvent;
///     fn apply(&mut self, event: &AccountEvent) {
///         Appliers::<AccountEvent>::fold(self, event)
///     }
/// }
///
/// inventory::submit! { AggregateDescriptor::of::<Account>(Location::new(file!(), 12)).personal(Ask::<Account>::shape) }
/// ```
/// A durable one is in [`durable`]. A generic aggregate cannot register itself: there is no list of its instances.
pub(super) fn expand(aggregate: &Aggregate<'_>) -> TokenStream {
    let (krate, ty) = (&aggregate.krate, &aggregate.this.ty);
    let kind = match &aggregate.kind {
        Some(Kind::Literal(literal)) => code!(#literal),
        Some(Kind::Constant(path)) => code!(#path),
        None => return TokenStream::new(),
    };
    let impls = match (&aggregate.event, aggregate.durable) {
        (Some(event), None) => {
            // Here rustc says that the appliers are missing.
            let nearby = krate_at(krate, event.span());
            let fold = quote_spanned!(at(event.span())=> <Self as #nearby::model::Appliers<#event>>::fold(self, event));
            aggregate_impl(aggregate, &kind, &code!(#event), &fold)
        }
        (None, Some(_)) => durable::durable(aggregate, &kind),
        _ => return TokenStream::new(),
    };
    let location = location::of(krate, aggregate.keyword);
    let register = (!aggregate.this.is_generic()).then(|| {
        code! {
            #[allow(deprecated)]
            const _: () = {
                #[allow(unused_imports)]
                use #krate::__private::Silent as _;
                #krate::__private::inventory::submit! {
                    #krate::__private::AggregateDescriptor::of::<#ty>(#location).personal(#krate::__private::Ask::<#ty>::shape)
                }
            };
        }
    });
    code!(#impls #register)
}

/// The errors, and an impl that lets the rest of the program compile, so that one mistake makes one error.
pub(super) fn fallback(aggregate: &Aggregate<'_>, errors: TokenStream) -> TokenStream {
    let impls = match (&aggregate.event, aggregate.durable) {
        (_, Some(_)) => durable::fallback(aggregate),
        (Some(event), None) => aggregate_impl(aggregate, &code!(""), &code!(#event), &code!(let _ = event;)),
        (None, None) => TokenStream::new(),
    };
    code!(#errors #impls)
}

fn aggregate_impl(aggregate: &Aggregate<'_>, kind: &TokenStream, event: &TokenStream, apply: &TokenStream) -> TokenStream {
    let (krate, this) = (&aggregate.krate, &aggregate.this);
    let (impl_generics, ..) = this.generics.split_for_impl();
    let ty = &this.ty;
    let bounds = bounds(aggregate);
    let version = aggregate.version.map(|(version, _)| code!(const VERSION: u32 = #version;));
    let state = aggregate.durable.map(|_| {
        code! {
            const STATE: ::core::option::Option<#krate::model::AsState<Self>> = ::core::option::Option::Some(#krate::model::AsState::of());
        }
    });
    let snapshots = aggregate.snapshot.as_ref().map(|snapshot| snapshot.expand(krate, aggregate.shape));
    quote_spanned! {at(aggregate.keyword)=>
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #krate::model::Aggregate for #ty #bounds {
            const KIND: &'static str = #kind;
            #version
            #state
            #snapshots
            type Event = #event;
            fn apply(&mut self, event: &#event) {
                #apply
            }
        }
    }
}

/// What an aggregate must be, a generic one can only promise.
fn bounds(aggregate: &Aggregate<'_>) -> TokenStream {
    let (krate, this) = (&aggregate.krate, &aggregate.this);
    let all = code!(Self: ::core::default::Default + ::core::marker::Send + ::core::marker::Sync + 'static);
    let durable = aggregate.durable.map(|_| code!(Self: ::core::clone::Clone + #krate::__private::Storable));
    let kept = aggregate.snapshot.as_ref().map(|_| code!(Self: #krate::model::KeptState));
    if this.is_generic() { this.and_where([all].into_iter().chain(durable).chain(kept)) } else { this.and_where([]) }
}
