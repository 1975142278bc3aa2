//! The rules of an `#[on(…)]` method, one function each:
//! a plain method · `&mut self`, or `&self` in a reactor · of an aggregate · the event first, lent · then metadata, delivery and services, lent · each of
//! the two once · a nameable return type · keys of an event are for views.

use super::super::model::{Event, Extra, OnMethod, What, is_delivery, is_effects, is_metadata};
use super::super::on::Function;
use crate::ctxt::Ctxt;
use crate::method::Method;
use crate::signature;
use crate::symbol::START;
use crate::ty::{same, show, ungroup};
use syn::{PatType, ReceiverKind, Type, TypeReference};

/// The method in words.
fn named(method: &OnMethod<'_>) -> &'static str {
    if method.mark == START { "a `#[start(…)]` method" } else { "an `#[on(…)]` method" }
}

pub(super) fn check(cx: &Ctxt, what: What, method: &OnMethod<'_>) {
    let name = named(method);
    signature::is_plain(cx, &method.method, name, "it is given the events of one aggregate");
    receiver(cx, what, method);
    follows_an_aggregate(cx, method);
    takes_the_event(cx, what, method);
    if !comes_second(method) {
        method.extras.iter().for_each(|(param, extra)| takes_shared_references(cx, (what, name), &method.method, param, extra));
    }
    takes_each_once(cx, &method.extras);
    signature::returns_a_nameable_type(cx, &method.method, name);
    match what {
        What::Projection | What::Saga => key_takes_event_and_delivery(cx, method),
        What::Reactor => has_no_key(cx, method),
    }
}

fn shape(what: What) -> &'static str {
    match what {
        What::Projection => "`fn account(&mut self, event: &AccountEvent)`",
        What::Reactor => "`async fn account(&self, event: &AccountEvent)`",
        What::Saga => "`fn account(&mut self, event: &AccountEvent, cx: &mut SagaContext<Self>)`",
    }
}

fn receiver(cx: &Ctxt, what: What, method: &OnMethod<'_>) {
    let (wanted, why) = match what {
        What::Projection => ("&mut self", "the view that the event changes"),
        What::Reactor => ("&self", "one reactor is given the events of many aggregates at a time"),
        What::Saga => ("&mut self", "the instance that the event is for"),
    };
    let name = named(method);
    let Some(receiver) = method.method.sig.receiver() else {
        let message = format_args!("{name} takes `{wanted}`, {why}: {}", shape(what));
        return cx.error(&method.method.sig.ident, message);
    };
    let right = match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_some() != (what == What::Reactor),
        _ => false,
    };
    if !right {
        cx.error(receiver, format_args!("{name} takes `{wanted}`: {why}"));
    }
}

/// What is no aggregate is found by rustc; this is what one easily writes.
fn follows_an_aggregate(cx: &Ctxt, method: &OnMethod<'_>) {
    if let Some((kind, event)) = method.kind.as_ref().zip(method.event.as_ref())
        && same(kind, event.lent.unwrap_or(event.written))
    {
        cx.error(kind, format_args!("the aggregate belongs here, not its event: `#[{}(Account)]`", method.mark));
    }
}

fn takes_the_event(cx: &Ctxt, what: What, method: &OnMethod<'_>) {
    let Some(event) = &method.event else {
        let message = format_args!("this method takes no event: {} looks like {}", named(method), shape(what));
        return cx.error(&method.method.sig.ident, message);
    };
    if comes_second(method) {
        return cx
            .error(event.written, format_args!("the event comes first, then metadata, delivery and services: {}", shape(what)));
    }
    match event.written {
        Type::ImplTrait(ty) => {
            cx.error(ty, format_args!("{} cannot be generic: it is given the events of one aggregate", named(method)))
        }
        Type::Reference(TypeReference { mutability: Some(token), .. }) => {
            cx.error(token, "a method cannot change the event: the event is a fact and is shared");
        }
        Type::Reference(reference) => {
            if let Type::ImplTrait(ty) = ungroup(&reference.elem) {
                cx.error(ty, format_args!("{} cannot be generic: it is given the events of one aggregate", named(method)));
            }
            names_no_lifetime(cx, named(method), &method.method, reference);
        }
        ty => cx.error(ty, format_args!("a method borrows the event (`&{}`): the event is a fact and is shared", show(ty))),
    }
}

pub(super) fn takes_shared_references(
    cx: &Ctxt,
    (what, name): (What, &str),
    method: &Method<'_>,
    param: &PatType,
    extra: &Extra<'_>,
) {
    let ty = match extra {
        Extra::Service(ty) if what == What::Saga && is_effects(ty) => &param.ty,
        Extra::Other => &param.ty,
        _ => return,
    };
    match ungroup(ty) {
        ty if what == What::Saga && is_effects(lent(ty)) => {
            cx.error(ty, "what the instance does is collected there: take it as `cx: &mut SagaContext<Self>`");
        }
        Type::Reference(TypeReference { mutability: Some(token), .. }) => {
            cx.error(token, "what stands behind the event is shared with others: take it by `&`");
        }
        Type::Reference(reference) => names_no_lifetime(cx, name, method, reference),
        ty => {
            let name = show(ty);
            let message = match what {
                What::Projection | What::Reactor => {
                    "after the event come `&Metadata`, `&Delivery` and services by shared reference: write"
                }
                What::Saga => "behind it come `&mut SagaContext<Self>`, and services by shared reference: write",
            };
            cx.error(ty, format_args!("{message} `&{name}`"));
        }
    }
}

/// What a reference is to; what is none, itself.
fn lent(ty: &Type) -> &Type {
    match ungroup(ty) {
        Type::Reference(reference) => &reference.elem,
        ty => ty,
    }
}

/// Whether the first parameter is one of those that come behind the event.
fn comes_second(method: &OnMethod<'_>) -> bool {
    let first = method.event.as_ref().map(|Event { written, lent }| lent.unwrap_or(written));
    first.is_some_and(|ty| is_metadata(ty) || is_delivery(ty) || is_effects(lent(ty)) || matches!(ty, Type::TraitObject(_)))
}

/// A lifetime that the method declares is refused there.
fn names_no_lifetime(cx: &Ctxt, name: &str, method: &Method<'_>, reference: &TypeReference) {
    if let Some(lifetime) = &reference.lifetime
        && method.sig.generics.params.is_empty()
    {
        cx.error(lifetime, format_args!("{name} needs no named lifetimes: leave them out"));
    }
}

pub(super) fn takes_each_once(cx: &Ctxt, extras: &[(&PatType, Extra<'_>)]) {
    let is_one: [fn(&Extra<'_>) -> bool; 3] = [
        |extra| matches!(extra, Extra::Metadata),
        |extra| matches!(extra, Extra::Delivery),
        |extra| matches!(extra, Extra::Effects),
    ];
    for is_one in is_one {
        for (param, _) in extras.iter().filter(|(_, extra)| is_one(extra)).skip(1) {
            cx.error(&param.ty, "the method has this already: remove this parameter");
        }
    }
}

fn key_takes_event_and_delivery(cx: &Ctxt, method: &OnMethod<'_>) {
    if let Some(key) = &method.key
        && let Function::Closure(closure) = &key.function
    {
        if !(1..=2).contains(&closure.inputs.len()) {
            cx.error(
                closure,
                "a key is taken from the event, or from the event and its delivery: `|event| …`, `|event, delivery| …`",
            );
        }
        if let Some(token) = &closure.asyncness {
            cx.error(token, "a key cannot be waited for: it is taken from the event, or from the event and its delivery");
        }
    }
}

fn has_no_key(cx: &Ctxt, method: &OnMethod<'_>) {
    if let Some(key) = &method.key {
        cx.error_at(key.word, "a reactor keeps no views, so there is nothing to have a key");
    }
}
