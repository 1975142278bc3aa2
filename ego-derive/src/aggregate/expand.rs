//! The impl of an aggregate, and its registration.

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
/// A generic aggregate cannot register itself: there is no list of its instances.
pub(super) fn expand(aggregate: &Aggregate<'_>) -> TokenStream {
    let (krate, ty) = (&aggregate.krate, &aggregate.this.ty);
    let Some(event) = &aggregate.event else { return TokenStream::new() };
    let kind = match &aggregate.kind {
        Some(Kind::Literal(literal)) => code!(#literal),
        Some(Kind::Constant(path)) => code!(#path),
        None => return TokenStream::new(),
    };
    // Here rustc says that the appliers are missing.
    let nearby = krate_at(krate, event.span());
    let fold = quote_spanned!(at(event.span())=> <Self as #nearby::model::Appliers<#event>>::fold(self, event));
    let aggregate_impl = aggregate_impl(aggregate, &kind, &code!(#event), &fold);
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
    code!(#aggregate_impl #register)
}

/// The errors, and an impl that lets the rest of the program compile, so that one mistake makes one error.
pub(super) fn fallback(aggregate: &Aggregate<'_>, errors: TokenStream) -> TokenStream {
    let Some(event) = &aggregate.event else { return errors };
    let aggregate_impl = aggregate_impl(aggregate, &code!(""), &code!(#event), &code!(let _ = event;));
    code!(#errors #aggregate_impl)
}

fn aggregate_impl(aggregate: &Aggregate<'_>, kind: &TokenStream, event: &TokenStream, apply: &TokenStream) -> TokenStream {
    let (krate, this) = (&aggregate.krate, &aggregate.this);
    let (impl_generics, ..) = this.generics.split_for_impl();
    let ty = &this.ty;
    // What an aggregate must be, a generic one can only promise.
    let promised =
        this.is_generic().then(|| code!(Self: ::core::default::Default + ::core::marker::Send + ::core::marker::Sync + 'static));
    let bounds = this.and_where(promised);
    quote_spanned! {at(aggregate.keyword)=>
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #krate::model::Aggregate for #ty #bounds {
            const KIND: &'static str = #kind;
            type Event = #event;
            fn apply(&mut self, event: &#event) {
                #apply
            }
        }
    }
}
