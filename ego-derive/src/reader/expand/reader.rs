//! `Projection` or `Reactor`.

use super::super::attr::{Audience, Mode};
use super::super::model::{Index, Reader, What};
use crate::hygiene::{at, code, krate_at};
use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

/// ```text
/// impl Projection for Balance {
///     const NAME: &'static str = "balances";
///     const VERSION: u32 = 2;
///     const MODE: Mode = Mode::Inline;
///     const INDEXES: &'static [&'static str] = &["owner"];
///     fn indexed(&self, index: usize, values: &mut Vec<IndexValue>) {
///         let all: &[fn(&Balance, &mut Vec<IndexValue>)] =
///             &[|view, values| <&str as IndexOutput>::values(Balance::owner(view), values)];
///         if let Some(of) = all.get(index) { of(self, values) }
///     }
/// }
///
/// impl Reactor for Greeter {
///     const NAME: &'static str = "greeter";
///     const AUDIENCE: Audience = Audience::Observer;
/// }
/// ```
/// What is not said is the trait's own default.
pub(super) fn reader(reader: &Reader<'_>) -> TokenStream {
    let indexes = if reader.indexes.is_empty() { TokenStream::new() } else { indexes(reader) };
    reader_impl(reader, &indexes)
}

/// The same without what may be wrong.
pub(super) fn stub(reader: &Reader<'_>) -> TokenStream {
    reader_impl(reader, &TokenStream::new())
}

fn reader_impl(reader: &Reader<'_>, indexes: &TokenStream) -> TokenStream {
    let (krate, this) = (&reader.krate, reader.this);
    let name = reader.name.as_ref().map_or_else(|| code!(""), |name| code!(#name));
    let rest = match reader.what {
        What::Projection => {
            let version = reader.version.map(|(version, _)| code!(const VERSION: u32 = #version;));
            let mode = reader.mode.map(|(mode, _)| {
                let mode = match mode {
                    Mode::Inline => code!(Inline),
                    Mode::Async => code!(Async),
                    Mode::Live => code!(Live),
                };
                code!(const MODE: #krate::model::Mode = #krate::model::Mode::#mode;)
            });
            code!(#version #mode #indexes)
        }
        What::Reactor => {
            let audience = reader.audience.map(|audience| {
                let audience = match audience {
                    Audience::Group => code!(Group),
                    Audience::Observer => code!(Observer),
                    Audience::Ephemeral => code!(Ephemeral),
                };
                code!(const AUDIENCE: #krate::model::Audience = #krate::model::Audience::#audience;)
            });
            code!(#audience)
        }
        // Its impl is in `saga`.
        What::Saga => TokenStream::new(),
    };
    let of = match reader.what {
        What::Projection => code!(#krate::model::Projection),
        What::Reactor => code!(#krate::model::Reactor),
        What::Saga => code!(#krate::model::Saga),
    };
    quote_spanned! {at(reader.item.impl_token.span)=>
        #[automatically_derived]
        #[allow(deprecated)]
        impl #of for #this {
            const NAME: &'static str = #name;
            #rest
        }
    }
}

fn indexes(reader: &Reader<'_>) -> TokenStream {
    let (krate, this) = (&reader.krate, reader.this);
    let value = code!(::std::vec::Vec<#krate::model::IndexValue>);
    let names = reader.indexes.iter().map(|index| {
        let (cfgs, name) = (&index.method.cfgs, index.method.sig.ident.unraw().to_string());
        code!(#(#cfgs)* #name)
    });
    let all = reader.indexes.iter().map(|index| {
        let (cfgs, values) = (&index.method.cfgs, values(reader, index));
        code!(#(#cfgs)* |view: &#this, values: &mut #value| #values)
    });
    code! {
        const INDEXES: &'static [&'static str] = &[#(#names),*];
        fn indexed(&self, index: usize, values: &mut #value) {
            let all: &[fn(&#this, &mut #value)] = &[#(#all),*];
            if let ::core::option::Option::Some(of) = all.get(index) {
                of(self, values)
            }
        }
    }
}

fn values(reader: &Reader<'_>, index: &Index<'_>) -> TokenStream {
    let (this, name) = (reader.this, index.method.call_name());
    let Some(output) = index.method.output() else { return TokenStream::new() };
    let krate = krate_at(&reader.krate, output.span());
    let into = quote_spanned!(at(output.span())=> <#output as #krate::model::IndexOutput>::values);
    code!(#into(<#this>::#name(view), values))
}
