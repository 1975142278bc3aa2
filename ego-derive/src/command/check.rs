//! The rules of a command, one function each: it is a struct or an enum · it owns its values · its name is sound · options stand on it.

use super::model::Command;
use crate::ctxt::Ctxt;
use crate::symbol::{COMMAND, EGO};
use crate::{name, options, ty};

pub(super) fn check(cx: &Ctxt, command: &Command<'_>) {
    struct_or_enum(cx, command);
    ty::no_lifetimes(cx, command.generics, "a command is sent to another task, so it cannot borrow: use owned fields");
    name::check_text(cx, &command.name);
    options::belong_on_the_type(cx, command.data, &[COMMAND, EGO]);
}

fn struct_or_enum(cx: &Ctxt, command: &Command<'_>) {
    if let Some(keyword) = command.union {
        cx.error_at(keyword, "a command must be a struct or an enum");
    }
}
