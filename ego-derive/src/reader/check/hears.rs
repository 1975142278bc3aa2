//! The rules of the methods that hear of a refused command or a timeout, one function each:
//! one of each · a plain method · `&mut self` · what it hears of first, lent · then what it does and services · a nameable return type.

use super::super::model::{Extra, Hears, What};
use super::on::{takes_each_once, takes_shared_references};
use crate::ctxt::Ctxt;
use crate::method::{bare, is_named};
use crate::signature;
use crate::symbol::REJECTED;
use crate::ty::{show, ungroup};
use syn::{ReceiverKind, Type, TypeReference};

pub(super) fn check(cx: &Ctxt, all: &[Hears<'_>]) {
    for (index, hears) in all.iter().enumerate() {
        let method = format!("a `#[{}]` method", hears.mark);
        one_of_each(cx, &all[..index], hears);
        signature::is_plain(cx, &hears.method, &method, "it is called for every instance");
        changes_the_instance(cx, hears, &method);
        takes_what_it_hears_of(cx, hears, &method);
        for (param, extra) in &hears.extras {
            knows_no_event(cx, hears, param, extra);
            takes_shared_references(cx, (What::Saga, &method), &hears.method, param, extra);
        }
        takes_each_once(cx, &hears.extras);
        signature::returns_a_nameable_type(cx, &hears.method, &method);
    }
}

fn shape(hears: &Hears<'_>) -> &'static str {
    if hears.mark == REJECTED {
        "`fn refused(&mut self, rejection: &Rejected, cx: &mut SagaContext<Self>)`"
    } else {
        "`fn late(&mut self, name: &str, cx: &mut SagaContext<Self>)`"
    }
}

fn one_of_each(cx: &Ctxt, earlier: &[Hears<'_>], hears: &Hears<'_>) {
    let is_first = |first: &&Hears<'_>| first.mark == hears.mark && first.method.cfgs.is_empty() && hears.method.cfgs.is_empty();
    if let Some(first) = earlier.iter().find(is_first) {
        let message = format_args!("one `#[{}]` method hears of all of them: keep one", hears.mark);
        let mut error = syn::Error::new_spanned(hears.word, message);
        error.combine(syn::Error::new_spanned(first.word, "the first is here"));
        cx.push(error);
    }
}

fn changes_the_instance(cx: &Ctxt, hears: &Hears<'_>, method: &str) {
    let sig = hears.method.sig;
    match sig.receiver() {
        None => cx.error(&sig.ident, format_args!("{method} takes `&mut self`, the instance: {}", shape(hears))),
        Some(receiver) if !matches!(&receiver.kind, ReceiverKind::Reference(_, _, Some(_))) => {
            cx.error(receiver, format_args!("{method} takes `&mut self`: the instance"));
        }
        Some(_) => {}
    }
}

fn takes_what_it_hears_of(cx: &Ctxt, hears: &Hears<'_>, method: &str) {
    let wanted = if hears.mark == REJECTED { "Rejected" } else { "str" };
    let Some(what) = hears.what else {
        return cx.error(&hears.method.sig.ident, format_args!("{method} hears of something: {}", shape(hears)));
    };
    let right = match ungroup(&what.ty) {
        Type::Reference(TypeReference { mutability: None, lifetime: None, elem, .. }) => is_named(bare(elem), wanted),
        _ => false,
    };
    if !right {
        let given = show(&what.ty);
        cx.error(&what.ty, format_args!("{method} takes `&{wanted}` first, not `{given}`: {}", shape(hears)));
    }
}

fn knows_no_event(cx: &Ctxt, hears: &Hears<'_>, param: &syn::PatType, extra: &Extra<'_>) {
    if matches!(extra, Extra::Metadata | Extra::Delivery) {
        cx.error(
            &param.ty,
            format_args!("a `#[{}]` method is given no event, so there is none that this could be of", hears.mark),
        );
    }
}
