//! The rules of an event enum, one function each:
//! it owns its values · positions do not name fields · a payload is not `()` · stored names are sound and differ · versions start at 1 ·
//! every older version has its upcaster · what is personal has a subject · serde keeps its default representation · `#[ego(…)]` stands on the type.

use super::model::{Events, Shape, Variant};
use crate::ctxt::Ctxt;
use crate::name;
use crate::options;
use crate::symbol::EGO;
use crate::ty;
use crate::upcast;

pub(super) fn check(cx: &Ctxt, events: &Events<'_>) {
    ty::no_lifetimes(cx, events.generics, "events are stored and replayed later, so they cannot borrow: use owned fields");
    for variant in &events.variants {
        positions_do_not_name_fields(cx, variant);
        payload_is_not_unit(cx, variant);
        names_are_sound(cx, variant);
        versions_start_at_one(cx, variant);
        if !variant.unreadable_upcasters {
            let newest = (variant.version, variant.version_span);
            upcast::has_no_gap(cx, "event", variant.ident, newest, &variant.upcasters);
        }
        personal_fields_have_a_subject(cx, variant);
    }
    names_differ(cx, events);
    serde_keeps_its_default(cx, events);
    options::belong_on_the_type(cx, events.data, &[EGO]);
}

fn positions_do_not_name_fields(cx: &Ctxt, variant: &Variant<'_>) {
    let Shape::Positions { fields } = variant.shape else { return };
    let name = variant.ident;
    if fields.is_empty() {
        cx.error(fields, format_args!("an event without fields has no parentheses: write `{name}`"));
    } else {
        cx.error(
            fields,
            format_args!(
                "the fields of an event need names, or it could not evolve: write `{name} {{ … }}` or `{name}(Payload)`"
            ),
        );
    }
}

fn payload_is_not_unit(cx: &Ctxt, variant: &Variant<'_>) {
    if let Shape::Payload { ty, .. } = variant.shape
        && ty::is_unit(ty)
    {
        cx.error(ty, format_args!("`()` is no payload: write `{}`", variant.ident));
    }
}

fn names_are_sound(cx: &Ctxt, variant: &Variant<'_>) {
    name::check_text(cx, &variant.name);
    variant.aliases.iter().for_each(|alias| name::check_text(cx, alias));
}

/// Names and aliases together: the store knows an event by them alone.
fn names_differ(cx: &Ctxt, events: &Events<'_>) {
    let all = events.variants.iter().flat_map(|variant| {
        let names = std::iter::once(&variant.name).chain(&variant.aliases);
        names.map(move |name| (variant, name))
    });
    let mut seen: Vec<(&Variant<'_>, &name::Name)> = Vec::new();
    for (variant, name) in all {
        let Some((first_variant, first)) = seen.iter().find(|(_, seen)| seen.text == name.text) else {
            seen.push((variant, name));
            continue;
        };
        if std::ptr::eq(*first_variant, variant) {
            cx.error_at(name.span, format_args!("`{}` reads {:?} already: remove this alias", variant.ident, name.text));
            continue;
        }
        let message = format!("two events of `{}` are named {:?}: the store could not tell them apart", events.ident, name.text);
        let mut error = syn::Error::new(name.span, message);
        error
            .combine(syn::Error::new(first.span, format_args!("{:?} is the name of `{}` here", first.text, first_variant.ident)));
        cx.push(error);
    }
}

fn versions_start_at_one(cx: &Ctxt, variant: &Variant<'_>) {
    if variant.version == 0 {
        cx.error_at(variant.version_span, "versions start at 1");
    }
}

/// The subject on the enum is for those events that have something personal.
fn personal_fields_have_a_subject(cx: &Ctxt, variant: &Variant<'_>) {
    if let (Shape::Payload { .. }, Some(subject)) = (&variant.shape, &variant.own_subject) {
        return cx.error(
            subject,
            "the payload says whose it is: `#[derive(ego::Personal)]` and `#[personal(subject = …)]` on its type",
        );
    }
    match (variant.fields.first_mark(), &variant.subject) {
        (Some(mark), None) => {
            cx.error(
                mark,
                format_args!(
                    "whose is it? Add `#[event(subject = …)]` to `{}`, with the field that names the subject",
                    variant.ident
                ),
            );
        }
        (Some(_), Some(subject)) => variant.fields.check(cx, Some(subject)),
        (None, _) => variant.fields.check(cx, variant.own_subject.as_ref()),
    }
}

/// Only where serde of the enum is used; payloads serialize on their own.
fn serde_keeps_its_default(cx: &Ctxt, events: &Events<'_>) {
    if !events.has_inline() {
        return;
    }
    for option in events.serde.iter().chain(events.variants.iter().flat_map(|variant| &variant.serde)) {
        cx.error(option, "an event enum keeps serde's default representation: ego stores the event's name and its content apart");
    }
}
