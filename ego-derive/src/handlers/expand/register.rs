//! What the program knows about a block's commands before it runs.

use super::super::model::{Block, Extra, Handler};
use crate::hygiene::{at, code, krate_at};
use crate::location;
use crate::ty::show;
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned;

/// ```text
/// const _: () = {
///     const COMMAND_0: Entry = command::<Account, Deposit>(Location::new(file!(), 31), &[]).personal(Ask::<Deposit>::shape);
///     const COMMAND_1: Entry = command::<Account, Withdraw>(Location::new(file!(), 35), &[TypeRef::of::<dyn Fraud>()]);
///     const _: () = if is_taken(COMMAND_1.name, &[COMMAND_0.name]) { panic!("…") };
///     inventory::submit! { handlers::<Account, Deposit>(&[COMMAND_0.descriptor, COMMAND_1.descriptor]) }
/// };
/// ```
/// A generic block has no list of its instances. With the appliers in it, it implements `Registers` for `ego::register!`; another one
/// implements `InstanceOf` and submits the instances in `register(…)` itself.
pub(super) fn register(block: &Block<'_>) -> TokenStream {
    if block.is_generic() {
        return generic(block);
    }
    if block.handlers.is_empty() {
        return TokenStream::new();
    }
    let (krate, this) = (&block.krate, block.this);
    let entries = block.handlers.iter().enumerate().filter_map(|(index, handler)| {
        let (name, cfgs, entry) = (constant(index, Span::mixed_site()), &handler.method.cfgs, entry(block, handler)?);
        Some(code!(#(#cfgs)* const #name: #krate::__private::Entry = #entry;))
    });
    let checks = (1..block.handlers.len()).map(|index| differs(block, index));
    let descriptors = block.handlers.iter().enumerate().map(|(index, handler)| {
        let (name, cfgs) = (constant(index, Span::mixed_site()), &handler.method.cfgs);
        code!(#(#cfgs)* #name.descriptor)
    });
    // Through a command, if one is always there, so that a type that is no aggregate is told so by its handlers alone.
    let sure = block.handlers.iter().find(|handler| handler.method.cfgs.is_empty()).and_then(|handler| handler.command.as_ref());
    let of = match sure.map(|command| command.ty) {
        Some(command) => code!(#krate::__private::handlers::<#this, #command>),
        None => code!(#krate::__private::HandlersDescriptor::of::<#this>),
    };
    code! {
        #[allow(deprecated)]
        const _: () = {
            #(#entries)*
            #(#checks)*
            #krate::__private::inventory::submit! {
                #of(&[#(#descriptors),*])
            }
        };
    }
}

fn constant(index: usize, span: Span) -> Ident {
    format_ident!("COMMAND_{index}", span = span)
}

fn entry(block: &Block<'_>, handler: &Handler<'_>) -> Option<TokenStream> {
    let (krate, this, command) = (&block.krate, block.this, handler.command.as_ref()?.ty);
    let location = location::of(krate, handler.method.keyword());
    let services = handler.extras.iter().filter_map(|(_, extra)| match extra {
        Extra::Service(ty) => Some(code!(#krate::__private::TypeRef::of::<#ty>())),
        _ => None,
    });
    let (place, krate) = (at(command.span()), krate_at(krate, command.span()));
    Some(quote_spanned!(place=> {
        #[allow(unused_imports)]
        use #krate::__private::Silent as _;
        #krate::__private::command::<#this, #command>(#location, &[#(#services),*]).personal(#krate::__private::Ask::<#command>::shape)
    }))
}

/// Two commands of one name could not be told apart in a request that came by name.
fn differs(block: &Block<'_>, index: usize) -> TokenStream {
    let krate = &block.krate;
    let handler = &block.handlers[index];
    let place = at(handler.method.keyword());
    let (name, cfgs) = (constant(index, place), &handler.method.cfgs);
    let earlier = block.handlers[..index].iter().enumerate().map(|(index, handler)| {
        let (name, cfgs) = (constant(index, place), &handler.method.cfgs);
        quote_spanned!(place=> #(#cfgs)* #name.name)
    });
    let before = format!("`{}` handles two commands named \"", show(block.this));
    let after = "\": rename one with `#[command(name = \"…\")]`";
    quote_spanned! {place=>
        #(#cfgs)*
        const _: () = if #krate::__private::is_taken(#name.name, &[#(#earlier),*]) {
            const PARTS: &[&str] = &[#before, #name.name, #after];
            const TEXT: [u8; #krate::__private::text_len(PARTS)] = #krate::__private::text_bytes(PARTS);
            ::core::panic!("{}", #krate::__private::text(&TEXT))
        };
    }
}

fn generic(block: &Block<'_>) -> TokenStream {
    let (krate, this) = (&block.krate, block.this);
    let (impl_generics, _, where_clause) = block.item.generics.split_for_impl();
    let descriptors = block.handlers.iter().filter_map(|handler| {
        let (cfgs, entry) = (&handler.method.cfgs, entry(block, handler)?);
        Some(code!(#(#cfgs)* #entry.descriptor))
    });
    if !block.appliers.is_empty() {
        return code! {
            #[automatically_derived]
            #[allow(deprecated)]
            impl #impl_generics #krate::__private::Registers for #this #where_clause {
                const COMMANDS: &'static [#krate::__private::CommandDescriptor] = &[#(#descriptors),*];
            }
        };
    }
    let instances = block.register.iter().flat_map(|register| &register.instances);
    let submits = instances.map(|instance| {
        quote_spanned!(at(instance.span())=> #krate::__private::inventory::submit! { <#instance as #krate::__private::InstanceOf<__Block>>::DESCRIPTOR })
    });
    // Attributes like `#[diagnostic::…]` cannot be written here: without a prelude they are not found.
    code! {
        #[allow(deprecated)]
        const _: () = {
            struct __Block;
            #[automatically_derived]
            impl #impl_generics #krate::__private::InstanceOf<__Block> for #this #where_clause {
                const DESCRIPTOR: #krate::__private::HandlersDescriptor =
                    #krate::__private::HandlersDescriptor::of::<Self>(&[#(#descriptors),*]);
            }
            #(#submits)*
        };
    }
}
