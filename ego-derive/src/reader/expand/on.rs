//! `On` or `Reacts` for each method.

use super::super::model::{Extra, OnMethod, Reader, What};
use super::super::on::Function;
use crate::hygiene::{at, code, krate_at};
use crate::ty::same;
use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::Type;
use syn::spanned::Spanned;

/// ```text
/// impl On<Card> for Balance {
///     const WAITS: bool = true;
///     const BY_ID: bool = false;
///     fn keys(event: &<Card as Aggregate>::Event, delivery: &Delivery) -> Keys {
///         IntoKeys::into_keys(key(owner_of, event, delivery))
///     }
///     async fn on(&mut self, event: &<Card as Aggregate>::Event, delivery: &Delivery) -> Result<Fold, Failure> {
///         <Result<(), DbError> as FoldOutput>::outcome(
///             Self::card(self, <CardEvent as EventOf<Card, _>>::event(event), delivery, service_for::<dyn Db>(delivery)).await,
///         )
///     }
/// }
/// ```
/// Without a key, `BY_ID` is true and `keys` the trait's own. A reactor's `Reacts` has only the method.
pub(super) fn on(reader: &Reader<'_>, method: &OnMethod<'_>) -> TokenStream {
    let (Some(kind), Some(event)) = (&method.kind, method.event.as_ref().and_then(|event| event.lent)) else {
        return TokenStream::new();
    };
    let krate = &reader.krate;
    let name = method.method.call_name();
    let near = krate_at(krate, event.span());
    let given = quote_spanned!(at(event.span())=> <#event as #near::__private::EventOf<#kind, _>>::event(event));
    let extras = method.extras.iter().map(|(_, extra)| match extra {
        Extra::Metadata => code!(, #krate::model::Delivery::metadata(delivery)),
        Extra::Service(ty) => {
            let near = krate_at(krate, ty.span());
            quote_spanned!(at(ty.span())=> , #near::__private::service_for::<#ty>(delivery))
        }
        Extra::Delivery | Extra::Other => code!(, delivery),
    });
    let wait = method.method.sig.asyncness.map(|_| code!(.await));
    let call = code!(Self::#name(self, #given #(#extras)*) #wait);
    let output = match reader.what {
        What::Projection => code!(FoldOutput),
        What::Reactor => code!(ReactOutput),
    };
    let outcome = match method.method.output() {
        Some(ty) => {
            let near = krate_at(krate, ty.span());
            quote_spanned!(at(ty.span())=> <#ty as #near::model::#output>::outcome)
        }
        None => code!(<() as #krate::model::#output>::outcome),
    };
    let delivery = if method.extras.is_empty() { code!(_) } else { code!(delivery) };
    on_impl(reader, method, kind, &keys(reader, method), &delivery, &code!(#outcome(#call)))
}

/// The same for every method whose kind is known, without a call of what may be wrong.
pub(super) fn stubs(reader: &Reader<'_>) -> TokenStream {
    let mut seen: Vec<&Type> = Vec::new();
    let mut stubs = TokenStream::new();
    let body = code!(let _ = event; loop {});
    for method in &reader.methods {
        let Some(kind) = &method.kind else { continue };
        if !seen.iter().any(|seen| same(seen, kind)) {
            seen.push(kind);
            stubs.extend(on_impl(reader, method, kind, &TokenStream::new(), &code!(_), &body));
        }
    }
    stubs
}

fn on_impl(
    reader: &Reader<'_>,
    method: &OnMethod<'_>,
    kind: &Type,
    keys: &TokenStream,
    delivery: &TokenStream,
    body: &TokenStream,
) -> TokenStream {
    let (krate, this) = (&reader.krate, reader.this);
    let (cfgs, event) = (&method.method.cfgs, event_type(reader, kind));
    let waits = method.method.sig.asyncness.is_some();
    let (of, rest, call) = match reader.what {
        What::Projection => {
            let by_id = method.key.is_none();
            (
                code!(On),
                code!(const WAITS: bool = #waits; const BY_ID: bool = #by_id; #keys),
                code!(async fn on(&mut self, event: &#event, #delivery: &#krate::model::Delivery) -> ::core::result::Result<#krate::model::Fold, #krate::model::Failure>),
            )
        }
        What::Reactor => (
            code!(Reacts),
            TokenStream::new(),
            code!(async fn react(&self, event: &#event, #delivery: &#krate::model::Delivery) -> ::core::result::Result<(), #krate::model::Failure>),
        ),
    };
    quote_spanned! {at(method.method.keyword())=>
        #(#cfgs)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::model::#of<#kind> for #this {
            #rest
            #call {
                #body
            }
        }
    }
}

fn keys(reader: &Reader<'_>, method: &OnMethod<'_>) -> TokenStream {
    let (Some(key), Some(kind)) = (&method.key, &method.kind) else { return TokenStream::new() };
    let (krate, event) = (&reader.krate, event_type(reader, kind));
    let (span, given) = match &key.function {
        Function::Path(path) => (path.span(), code!(key(#path, event, delivery))),
        Function::Closure(closure) if closure.inputs.len() == 1 => {
            (closure.span(), code!(key_of_event(#closure, event, delivery)))
        }
        Function::Closure(closure) => (closure.span(), code!(key_of_delivery(#closure, event, delivery))),
    };
    let near = krate_at(krate, span);
    let keys = quote_spanned!(at(span)=> #near::model::IntoKeys::into_keys(#near::__private::#given));
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
