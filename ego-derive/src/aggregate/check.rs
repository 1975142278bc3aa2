//! The rules of an aggregate, one function each:
//! it is a struct or an enum · it owns its state · it has a kind, and events or a state · the kind is a literal, or told by a parameter ·
//! the kind is sound · versions start at 1 · every older version of a durable state has its upcaster · snapshots are of what is folded · options stand on the type.

use super::attr::Kind;
use super::model::Aggregate;
use crate::ctxt::Ctxt;
use crate::name::{self, Name};
use crate::options;
use crate::symbol::{AGGREGATE, EGO};
use crate::ty;
use crate::upcast;
use syn::ext::IdentExt;

pub(super) fn check(cx: &Ctxt, aggregate: &Aggregate<'_>) {
    struct_or_enum(cx, aggregate);
    ty::no_lifetimes(cx, aggregate.generics, "an aggregate lives as long as the engine, so it cannot borrow: use owned fields");
    has_kind_and_events(cx, aggregate);
    kind_is_written_here(cx, aggregate);
    kind_is_sound(cx, aggregate);
    keeps_events_or_a_state(cx, aggregate);
    older_states_are_read(cx, aggregate);
    snapshots_are_of_events(cx, aggregate);
    options::belong_on_the_type(cx, aggregate.data, &[AGGREGATE, EGO]);
}

fn struct_or_enum(cx: &Ctxt, aggregate: &Aggregate<'_>) {
    if let Some(keyword) = aggregate.union {
        cx.error_at(keyword, "an aggregate must be a struct or an enum");
    }
}

fn has_kind_and_events(cx: &Ctxt, aggregate: &Aggregate<'_>) {
    if !aggregate.readable {
        return;
    }
    let ident = aggregate.ident;
    let name = snake_case(&ident.unraw().to_string());
    let keeps_something = aggregate.event.is_some() || aggregate.durable.is_some();
    match (&aggregate.kind, keeps_something) {
        (None, false) => {
            let example = format_args!("`#[aggregate(name = \"{name}\", event = {ident}Event)]`");
            cx.error(ident, format_args!("an aggregate needs the name of its kind and its event enum: add {example}"));
        }
        (None, true) => {
            cx.error(
                ident,
                format_args!("an aggregate needs the name of its kind: add `name = \"{name}\"` to `#[aggregate(…)]`"),
            );
        }
        (Some(_), false) => {
            cx.error(ident, format_args!("an aggregate needs its event enum: add `event = {ident}Event` to `#[aggregate(…)]`"));
        }
        (Some(_), true) => {}
    }
}

/// I10: what is stored depends on nothing that stands elsewhere.
fn kind_is_written_here(cx: &Ctxt, aggregate: &Aggregate<'_>) {
    if let Some(Kind::Constant(path)) = &aggregate.kind
        && !aggregate.this.is_generic()
    {
        cx.error(
            path,
            "the name of a kind is written here, as a string: it is stored and must not change with a constant elsewhere",
        );
    }
}

fn kind_is_sound(cx: &Ctxt, aggregate: &Aggregate<'_>) {
    if let Some(Kind::Literal(literal)) = &aggregate.kind {
        name::check_plain(cx, &Name::new(literal), "a kind");
    }
}

fn keeps_events_or_a_state(cx: &Ctxt, aggregate: &Aggregate<'_>) {
    if let (Some(event), Some(_)) = (&aggregate.event, aggregate.durable) {
        cx.error(
            event,
            "a durable aggregate has no events, its state is what is stored: remove `event = …`, or `durable` to keep its history",
        );
    }
}

fn older_states_are_read(cx: &Ctxt, aggregate: &Aggregate<'_>) {
    if let Some((0, span)) = aggregate.version {
        return cx.error_at(span, "versions start at 1");
    }
    if !aggregate.readable || aggregate.unreadable_upcasters {
        return;
    }
    match (&aggregate.upcasters, aggregate.durable) {
        (Some((upcast, _)), None) if aggregate.event.is_some() => cx.error_at(
            *upcast,
            "only the state of a durable aggregate is upcast: write `upcast(…)` on the variant of the event whose shape changed",
        ),
        (_, Some(durable)) => {
            let newest = aggregate.version.unwrap_or((1, durable));
            upcast::has_no_gap(cx, "state", aggregate.ident, newest, aggregate.steps());
        }
        _ => {}
    }
}

fn snapshots_are_of_events(cx: &Ctxt, aggregate: &Aggregate<'_>) {
    if let (Some(snapshot), Some(_)) = (&aggregate.snapshot, aggregate.durable) {
        cx.error_at(snapshot.word, "a durable aggregate is its own snapshot, there are no events to fold: remove `snapshot`");
    }
}

fn snake_case(ident: &str) -> String {
    let mut name = String::new();
    for letter in ident.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}
