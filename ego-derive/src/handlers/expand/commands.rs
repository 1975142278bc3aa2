//! `Handles` for each command.

use super::super::model::{Block, Extra, Handler, Receiver, is_context};
use crate::hygiene::{at, code, krate_at};
use crate::ty::same;
use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Type, TypeImplTrait, TypeReference};

/// ```text
/// impl Handles<Withdraw> for Account {
///     type Output = Result<Decision<AccountEvent, u64>, AccountError>;
///     const WAITS: bool = true;
///     async fn handle(&self, command: Withdraw, context: &Context) -> Self::Output {
///         Self::withdraw(self, command, context, service::<dyn Fraud>(context)).await
///     }
/// }
/// ```
/// For a durable aggregate
/// ```text
///     type Output = Changed<Self, Result<u64, CartError>>;
///     async fn handle(&self, command: Add, context: &Context) -> Self::Output {
///         let mut copy = copy::<Self>(self);
///         let returned = Self::add(&mut copy, command);
///         Changed::to(copy, returned)
///     }
/// ```
pub(super) fn handles(block: &Block<'_>, handler: &Handler<'_>) -> TokenStream {
    let (Some(command), Some(output)) = (&handler.command, handler.method.output()) else { return TokenStream::new() };
    let krate = &block.krate;
    let name = handler.method.call_name();
    let argument = if command.reference.is_some() { code!(&command) } else { code!(command) };
    let context = if handler.extras.is_empty() { code!(_) } else { code!(context) };
    let extras = handler.extras.iter().map(|(_, extra)| match extra {
        Extra::Service(ty) => {
            let krate = krate_at(krate, ty.span());
            quote_spanned!(at(ty.span())=> , #krate::__private::service::<#ty>(context))
        }
        Extra::Context | Extra::Other => code!(, context),
    });
    let wait = handler.method.sig.asyncness.map(|_| code!(.await));
    if !block.is_durable() {
        let body = code!(Self::#name(self, #argument #(#extras)*) #wait);
        return handles_impl(block, handler, command.ty, &code!(#output), &context, &body);
    }
    let nearby = krate_at(krate, output.span());
    let changed = quote_spanned!(at(output.span())=> #nearby::model::Changed<Self, #output>);
    let body = match handler.method.sig.receiver() {
        Some(receiver) if handler.receiver() == Receiver::Exclusive => {
            let (place, nearby) = (at(receiver.span()), krate_at(krate, receiver.span()));
            let copy = quote_spanned!(place=> #nearby::__private::copy::<Self>(self));
            code! {
                let mut copy = #copy;
                let returned = Self::#name(&mut copy, #argument #(#extras)*) #wait;
                #krate::model::Changed::to(copy, returned)
            }
        }
        _ => code!(#krate::model::Changed::nothing(Self::#name(self, #argument #(#extras)*) #wait)),
    };
    handles_impl(block, handler, command.ty, &changed, &context, &body)
}

/// The same for every handler whose command is known, without a call of what may be wrong.
pub(super) fn stubs(block: &Block<'_>) -> TokenStream {
    let mut seen: Vec<&Type> = Vec::new();
    let mut stubs = TokenStream::new();
    for handler in &block.handlers {
        let Some(command) = &handler.command else { continue };
        let unfit = is_context(command.ty) || matches!(command.ty, Type::ImplTrait(_) | Type::TraitObject(_));
        let generic = handler.method.sig.generics.type_params().next().is_some();
        if unfit || generic || seen.iter().any(|seen| same(seen, command.ty)) {
            continue;
        }
        seen.push(command.ty);
        let output = match handler.method.output() {
            Some(output) if is_owned(output) => code!(#output),
            _ => code!(::core::result::Result<(), ::core::convert::Infallible>),
        };
        let krate = &block.krate;
        let output = if block.is_durable() { code!(#krate::model::Changed<Self, #output>) } else { output };
        stubs.extend(handles_impl(block, handler, command.ty, &output, &code!(_), &code!(let _ = command; loop {})));
    }
    stubs
}

fn handles_impl(
    block: &Block<'_>,
    handler: &Handler<'_>,
    command: &Type,
    output: &TokenStream,
    context: &TokenStream,
    body: &TokenStream,
) -> TokenStream {
    let (krate, this) = (&block.krate, block.this);
    let (impl_generics, _, where_clause) = block.item.generics.split_for_impl();
    let cfgs = &handler.method.cfgs;
    let waits = handler.method.sig.asyncness.is_some();
    quote_spanned! {at(handler.method.keyword())=>
        #(#cfgs)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #krate::model::Handles<#command> for #this #where_clause {
            type Output = #output;
            const WAITS: bool = #waits;
            async fn handle(&self, command: #command, #context: &#krate::model::Context) -> Self::Output {
                #body
            }
        }
    }
}

/// Whether the type can stand as an associated type.
fn is_owned(ty: &Type) -> bool {
    let mut found = Found(false);
    found.visit_type(ty);
    !found.0
}

struct Found(bool);

impl<'t> Visit<'t> for Found {
    fn visit_type_impl_trait(&mut self, _: &'t TypeImplTrait) {
        self.0 = true;
    }

    fn visit_type_reference(&mut self, ty: &'t TypeReference) {
        self.0 |= ty.lifetime.is_none();
        visit::visit_type_reference(self, ty);
    }
}
