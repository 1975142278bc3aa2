//! `Apply` for each applier, and `Appliers` for all of them together.

use super::super::model::{Applier, Block};
use crate::hygiene::{at, code, krate_at};
use crate::ty::{same, show};
use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::Type;
use syn::spanned::Spanned;

/// ```text
/// impl Apply<Deposited> for Account {
///     fn apply(&mut self, event: &Deposited) {
///         Self::deposited(self, event)
///     }
/// }
///
/// impl Appliers<<Account as Aggregate>::Event> for Account {
///     fn fold(&mut self, event: &<Account as Aggregate>::Event) {
///         fold::<<Deposited as PartOf<<Account as Aggregate>::Event>>::Form, _, _>(event, self)
///     }
/// }
/// ```
/// The block does not see the variants, so the form of the appliers is found through the types that they take.
pub(super) fn appliers(block: &Block<'_>) -> TokenStream {
    let applies = block.appliers.iter().filter_map(|applier| {
        let name = applier.method.call_name();
        Some(apply(block, applier, applier.event?, &code!(Self::#name(self, event))))
    });
    let applies: Vec<_> = applies.collect();
    let always = block.appliers.iter().find(|applier| applier.method.cfgs.is_empty());
    let Some(first) = always.or(block.appliers.first()).and_then(|applier| applier.event) else { return TokenStream::new() };
    let (span, form) = (block.this.span(), forms(block, first));
    let krate = krate_at(&block.krate, span);
    let call = quote_spanned!(at(span)=> #krate::__private::fold::<#form, _, _>(event, self));
    // A check that speaks about parameters has to stand where they are known; it is made for each instance.
    let checks = unmixed(block);
    let (inside, beside) = if block.is_generic() { (checks, Vec::new()) } else { (Vec::new(), checks) };
    let fold = fold(block, &code!(#(const { #inside })* #call));
    code!(#(#applies)* #fold #(const _: () = #beside;)*)
}

/// The same without a call of what may be wrong.
pub(super) fn stubs(block: &Block<'_>) -> TokenStream {
    let mut seen: Vec<&Type> = Vec::new();
    let mut stubs = TokenStream::new();
    for applier in &block.appliers {
        let Some(event) = applier.event else { continue };
        let generic = matches!(event, Type::ImplTrait(_)) || applier.method.sig.generics.type_params().next().is_some();
        if !generic && !seen.iter().any(|seen| same(seen, event)) {
            seen.push(event);
            stubs.extend(apply(block, applier, event, &code!(let _ = event;)));
        }
    }
    if !block.appliers.is_empty() {
        stubs.extend(fold(block, &code!(let _ = event;)));
    }
    stubs
}

fn apply(block: &Block<'_>, applier: &Applier<'_>, event: &Type, body: &TokenStream) -> TokenStream {
    let (krate, this) = (&block.krate, block.this);
    let (impl_generics, _, where_clause) = block.item.generics.split_for_impl();
    let cfgs = &applier.method.cfgs;
    quote_spanned! {at(applier.method.keyword())=>
        #(#cfgs)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #krate::model::Apply<#event> for #this #where_clause {
            fn apply(&mut self, event: &#event) {
                #body
            }
        }
    }
}

fn fold(block: &Block<'_>, body: &TokenStream) -> TokenStream {
    let (this, span) = (block.this, block.this.span());
    let (impl_generics, _, where_clause) = block.item.generics.split_for_impl();
    let (krate, events) = (krate_at(&block.krate, span), events(block));
    quote_spanned! {at(span)=>
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #krate::model::Appliers<#events> for #this #where_clause {
            fn fold(&mut self, event: &#events) {
                #body
            }
        }
    }
}

/// An applier for the whole enum stands alone.
///
/// ```text
/// const _: () = {
///     let () = if <<AccountEvent as PartOf<<Account as Aggregate>::Event>>::Form as Form>::WHOLE && [(), ()].len() > 1 { panic!("…") };
/// };
/// ```
fn unmixed(block: &Block<'_>) -> Vec<TokenStream> {
    if block.appliers.len() < 2 {
        return Vec::new();
    }
    let krate = &block.krate;
    let this = show(block.this);
    let message = format!("`{this}` has one applier for the whole enum and others for single events: keep one of the two forms");
    // One for each applier that is there: of those under `#[cfg]`, perhaps all but one are not.
    let all = block.appliers.iter().map(|applier| {
        let cfgs = &applier.method.cfgs;
        code!(#(#cfgs)* ())
    });
    let all = code!([#(#all),*]);
    let checks = block.appliers.iter().filter_map(|applier| {
        let (event, cfgs) = (applier.event?, &applier.method.cfgs);
        let form = form(block, event);
        Some(quote_spanned! {at(event.span())=>
            {
                #(#cfgs)*
                let () = if <#form as #krate::model::Form>::WHOLE && #all.len() > 1 {
                    ::core::panic!(#message)
                };
            }
        })
    });
    checks.collect()
}

fn events(block: &Block<'_>) -> TokenStream {
    let (this, span) = (block.this, block.this.span());
    let krate = krate_at(&block.krate, span);
    quote_spanned!(at(span)=> <#this as #krate::model::Aggregate>::Event)
}

/// Whole, if any of the forms is: [`unmixed`] refuses that, and nothing else should.
fn forms(block: &Block<'_>, first: &Type) -> TokenStream {
    let krate = &block.krate;
    let others = block.appliers.iter().filter(|applier| applier.method.cfgs.is_empty()).filter_map(|applier| applier.event);
    others
        .filter(|event| !same(event, first))
        .map(|event| form(block, event))
        .fold(form(block, first), |all, form| code!(<#all as #krate::model::Form>::Or<#form>))
}

fn form(block: &Block<'_>, event: &Type) -> TokenStream {
    let krate = krate_at(&block.krate, event.span());
    let events = events(block);
    quote_spanned!(at(event.span())=> <#event as #krate::model::PartOf<#events>>::Form)
}
