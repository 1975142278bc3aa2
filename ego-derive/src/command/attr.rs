//! `#[command(…)]`.

use crate::ctxt::Ctxt;
use crate::options::{self, Once};
use crate::symbol::{COMMAND, COMMAND_OPTIONS};
use syn::{Attribute, LitStr};

/// The name that is given, if any.
pub(super) fn name(cx: &Ctxt, attrs: &[Attribute]) -> Option<LitStr> {
    let mut name = Once::default();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(COMMAND)) {
        options::on_item(cx, attr, COMMAND_OPTIONS, |key, meta| name.set(meta, key, options::string(meta, "name = \"…\"")?));
    }
    name.get()
}
