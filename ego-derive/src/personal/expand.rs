//! The impl of a type with personal fields.

use super::model::Struct;
use crate::hygiene::{at, code};
use proc_macro2::TokenStream;
use quote::quote_spanned;

/// ```text
/// impl Personal for Opened {
///     fn shape() -> &'static Shape {
///         use Silent as _;
///         const { &Shape::Fields { subject: Some("id"), fields: &[Field::personal("name", false, || redacted::<String>(…))] } }
///     }
/// }
/// ```
pub(super) fn expand(of: &Struct<'_>) -> TokenStream {
    let krate = &of.krate;
    let shape = match of.attrs.none {
        Some(_) => code!(#krate::__private::Shape::Nothing),
        None => of.fields.shape(krate, of.attrs.subject.as_ref()),
    };
    personal_impl(of, &shape)
}

/// The errors, and an impl that lets the rest of the program compile, so that one mistake makes one error.
pub(super) fn fallback(of: &Struct<'_>, errors: TokenStream) -> TokenStream {
    let krate = &of.krate;
    let stub = of.generics.params.is_empty().then(|| personal_impl(of, &code!(#krate::__private::Shape::Nothing)));
    code!(#errors #stub)
}

fn personal_impl(of: &Struct<'_>, shape: &TokenStream) -> TokenStream {
    let (krate, ident) = (&of.krate, of.ident);
    quote_spanned! {at(of.keyword)=>
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::model::Personal for #ident {
            fn shape() -> &'static #krate::__private::Shape {
                #[allow(unused_imports)]
                use #krate::__private::Silent as _;
                const { &#shape }
            }
        }
    }
}
