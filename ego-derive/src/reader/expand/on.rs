//! `On`, `Reacts`, `Starts` or `Continues` for each method.

use super::super::model::{Extra, OnMethod, Reader, What};
use super::super::on::{Function, Key};
use crate::hygiene::{at, code, krate_at};
use crate::symbol::START;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

/// ```text
/// impl On<Card> for Balance {
///     const WAITS: bool = true;
///     const BY_ID: bool = false;
///     fn keys(event: &<Card as Aggregate>::Event, delivery: &Delivery) -> Keys {
///         IntoKeys::into_keys(key::<<Card as Aggregate>::Event, _, _>(owner_of, event, delivery))
///     }
///     async fn on(&mut self, event: &<Card as Aggregate>::Event, delivery: &Delivery) -> Result<Fold, Failure> {
///         <Result<(), DbError> as FoldOutput>::outcome(
///             Self::card(
///                 self,
///                 <CardEvent as EventOf<Card, <Card as Aggregate>::Event>>::event(event),
///                 delivery,
///                 service_for::<dyn Db>(delivery),
///             )
///             .await,
///         )
///     }
/// }
/// ```
/// Without a key, `BY_ID` is true and `keys` the trait's own. A reactor's `Reacts` has only the method; that of a saga takes `cx`, too.
pub(super) fn on(reader: &Reader<'_>, method: &OnMethod<'_>) -> TokenStream {
    let (Some(kind), Some(event)) = (&method.kind, method.event.as_ref().and_then(|event| event.lent)) else {
        return TokenStream::new();
    };
    let keys = method.key.as_ref().map(|key| keys(reader, kind, key)).unwrap_or_default();
    let delivery = if method.extras.is_empty() { code!(_) } else { code!(delivery) };
    on_impl(reader, method, kind, &keys, &delivery, &call(reader, method, kind, event))
}

fn call(reader: &Reader<'_>, method: &OnMethod<'_>, kind: &Type, event: &Type) -> TokenStream {
    let (krate, name) = (&reader.krate, method.method.call_name());
    let (near, events) = (krate_at(krate, event.span()), event_type(reader, kind));
    let event = quote_spanned!(at(event.span())=> <#event as #near::__private::EventOf<#kind, #events>>::event(event));
    let extras = method.extras.iter().map(|(_, extra)| match extra {
        Extra::Metadata => code!(, #krate::model::Delivery::metadata(delivery)),
        Extra::Service(ty) => {
            let near = krate_at(krate, ty.span());
            quote_spanned!(at(ty.span())=> , #near::__private::service_for::<#ty>(delivery))
        }
        Extra::Effects => code!(, cx),
        Extra::Delivery | Extra::Other => code!(, delivery),
    });
    let wait = method.method.sig.asyncness.map(|_| code!(.await));
    let call = code!(Self::#name(self, #event #(#extras)*) #wait);
    let output = match reader.what {
        What::Projection => code!(FoldOutput),
        What::Reactor => code!(ReactOutput),
        What::Saga => code!(SagaOutput),
    };
    match method.method.output() {
        Some(ty) => {
            let near = krate_at(krate, ty.span());
            let outcome = quote_spanned!(at(ty.span())=> <#ty as #near::model::#output>::outcome);
            code!(#outcome(#call))
        }
        None => code!(<() as #krate::model::#output>::outcome(#call)),
    }
}

fn on_impl(
    reader: &Reader<'_>,
    method: &OnMethod<'_>,
    kind: &Type,
    keys: &TokenStream,
    delivery: &TokenStream,
    body: &TokenStream,
) -> TokenStream {
    let (this, place) = (reader.this, at(method.method.keyword()));
    let (krate, event) = (krate_at(&reader.krate, place), event_type(reader, kind));
    let (cfgs, waits, by_id) = (&method.method.cfgs, method.method.sig.asyncness.is_some(), method.key.is_none());
    let given = quote_spanned!(place=> event: &#event, #delivery: &#krate::model::Delivery);
    let (of, inside) = match reader.what {
        What::Projection => {
            let inside = quote_spanned! {place=>
                const WAITS: bool = #waits;
                const BY_ID: bool = #by_id;
                #keys
                async fn on(&mut self, #given) -> ::core::result::Result<#krate::model::Fold, #krate::model::Failure> {
                    #body
                }
            };
            (quote_spanned!(place=> On), inside)
        }
        What::Reactor => {
            let inside = quote_spanned! {place=>
                async fn react(&self, #given) -> ::core::result::Result<(), #krate::model::Failure> {
                    #body
                }
            };
            (quote_spanned!(place=> Reacts), inside)
        }
        What::Saga => {
            let starts = method.mark == START;
            let by_key = (!starts).then(|| {
                let by_key = !by_id;
                quote_spanned!(place=> const BY_KEY: bool = #by_key;)
            });
            let named = if starts { quote_spanned!(place=> start) } else { quote_spanned!(place=> on) };
            let inside = quote_spanned! {place=>
                #by_key
                #keys
                #[allow(unused_variables)]
                async fn #named(
                    &mut self,
                    event: &#event,
                    cx: &mut #krate::model::SagaContext<Self>,
                    #delivery: &#krate::model::Delivery,
                ) -> ::core::result::Result<(), #krate::model::Failure> {
                    #body
                }
            };
            (if starts { quote_spanned!(place=> Starts) } else { quote_spanned!(place=> Continues) }, inside)
        }
    };
    quote_spanned! {place=>
        #(#cfgs)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::model::#of<#kind> for #this {
            #inside
        }
    }
}

fn keys(reader: &Reader<'_>, kind: &Type, key: &Key) -> TokenStream {
    let (krate, event) = (&reader.krate, event_type(reader, kind));
    let function = match &key.function {
        Function::Path(path) => path.to_token_stream(),
        Function::Closure(closure) => closure.to_token_stream(),
    };
    let (place, near) = (at(function.span()), krate_at(krate, function.span()));
    let by = match &key.function {
        Function::Path(_) => quote_spanned!(place=> key::<#event, _, _>),
        Function::Closure(closure) if closure.inputs.len() == 1 => quote_spanned!(place=> key_of_event::<#event, _>),
        Function::Closure(_) => quote_spanned!(place=> key_of_delivery::<#event, _>),
    };
    let keys = quote_spanned!(place=> #near::model::IntoKeys::into_keys(#near::__private::#by(#function, event, delivery)));
    code! {
        fn keys(event: &#event, delivery: &#krate::model::Delivery) -> #krate::model::Keys {
            #keys
        }
    }
}

fn event_type(reader: &Reader<'_>, kind: &Type) -> TokenStream {
    let krate = krate_at(&reader.krate, kind.span());
    quote_spanned!(at(kind.span())=> <#kind as #krate::model::Aggregate>::Event)
}
