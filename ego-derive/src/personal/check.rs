//! The rules of a type with personal fields, one function each: it is a struct with named fields · it is not generic · it says what is
//! personal, or that nothing is · its fields can be found.

use super::model::Struct;
use crate::ctxt::Ctxt;

pub(super) fn check(cx: &Ctxt, of: &Struct<'_>) {
    struct_with_names(cx, of);
    not_generic(cx, of);
    says_something(cx, of);
    of.fields.check(cx, of.attrs.subject.as_ref());
}

fn struct_with_names(cx: &Ctxt, of: &Struct<'_>) {
    if !of.is_struct && of.attrs.none.is_none() {
        cx.error_at(of.keyword, "personal fields have names: this goes on a struct with named fields");
    }
}

/// What a parameter stands for could not be asked, and would be written as it is.
fn not_generic(cx: &Ctxt, of: &Struct<'_>) {
    if let Some(param) = of.generics.params.first() {
        cx.error(param, "a type with personal fields has no parameters");
    }
}

fn says_something(cx: &Ctxt, of: &Struct<'_>) {
    match (&of.attrs.none, of.fields.first_mark()) {
        (Some(_), Some(mark)) => cx.error(mark, "the type says `#[personal(none)]`: remove one of them"),
        (None, None) if of.is_struct && !of.fields.may_be_personal() => {
            cx.error(of.ident, "no field is personal: add `#[personal]` to one, or say `#[personal(none)]` on the type");
        }
        _ => {}
    }
}
