//! The rules of a command, one function each: it is a struct or an enum · it owns its values · its name is sound · options stand on it.

use super::model::Command;
use crate::ctxt::Ctxt;
use crate::{name, ty};

pub(super) fn check(cx: &Ctxt, command: &Command<'_>) {
    struct_or_enum(cx, command);
    ty::no_lifetimes(cx, command.generics, "a command is sent to another task, so it cannot borrow: use owned fields");
    name::check_text(cx, &command.name);
    options_stand_on_the_type(cx, command);
}

fn struct_or_enum(cx: &Ctxt, command: &Command<'_>) {
    if let Some(keyword) = command.union {
        cx.error_at(keyword, "a command must be a struct or an enum");
    }
}

fn options_stand_on_the_type(cx: &Ctxt, command: &Command<'_>) {
    for attr in &command.strays {
        cx.error(attr.path(), "`#[command(…)]` says something about the whole command: move it to the type");
    }
}
