//! What a projection cannot be in its mode, one function each:
//! an inline view is folded with the commit of one aggregate, and cannot wait · neither it nor a live one is keyed by the event · a live
//! view is kept nowhere, so it has no index.

use super::super::attr::Mode;
use super::super::model::Reader;
use crate::ctxt::Ctxt;

pub(super) fn check(cx: &Ctxt, reader: &Reader<'_>) {
    match reader.mode() {
        Mode::Inline => {
            one_kind(cx, reader);
            does_not_wait(cx, reader);
            keyed_by_the_id(
                cx,
                reader,
                "an inline view is keyed by the aggregate's id: a key of the event would make aggregates wait for one another; use \
                 `mode = async` and read `.after(receipt)`",
            );
        }
        Mode::Live => {
            keyed_by_the_id(
                cx,
                reader,
                "a live view is folded from one aggregate when it is read, so it is keyed by its id; use `mode = async` for a key of the event",
            );
            has_no_index(cx, reader);
        }
        Mode::Async => {}
    }
}

/// Those under `#[cfg]` may stand for one another; the engine's start looks at what is there.
fn one_kind(cx: &Ctxt, reader: &Reader<'_>) {
    let kinds = reader.methods.iter().filter(|method| method.method.cfgs.is_empty()).filter_map(|method| method.kind.as_ref());
    for kind in kinds.skip(1) {
        cx.error(
            kind,
            "an inline view is folded with the commit of its aggregate, so it follows one kind; use `mode = async` for several",
        );
    }
}

fn does_not_wait(cx: &Ctxt, reader: &Reader<'_>) {
    for token in reader.methods.iter().filter_map(|method| method.method.sig.asyncness.as_ref()) {
        cx.error(token, "an inline view is folded with the commit and cannot wait: remove `async`, or use `mode = async`");
    }
}

fn keyed_by_the_id(cx: &Ctxt, reader: &Reader<'_>, message: &str) {
    for key in reader.methods.iter().filter_map(|method| method.key.as_ref()) {
        cx.error_at(key.word, message);
    }
}

fn has_no_index(cx: &Ctxt, reader: &Reader<'_>) {
    for index in &reader.indexes {
        cx.error(
            index.mark,
            "a live view is kept nowhere, so nothing is found by an index; use `mode = async` or `mode = inline`",
        );
    }
}
