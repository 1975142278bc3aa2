//! `#[personal(…)]` on a type.

use crate::ctxt::Ctxt;
use crate::options::{self, Once};
use crate::symbol::{NONE, PERSONAL, PERSONAL_OPTIONS, SUBJECT};
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Ident, Path};

#[derive(Default)]
pub(super) struct TypeAttrs {
    pub(super) subject: Option<Ident>,
    /// `none`: nothing is personal.
    pub(super) none: Option<Path>,
}

impl TypeAttrs {
    pub(super) fn read(cx: &Ctxt, attrs: &[Attribute]) -> Self {
        let (mut subject, mut none) = (Once::default(), Once::default());
        for attr in attrs.iter().filter(|attr| attr.path().is_ident(PERSONAL)) {
            options::on_item(cx, attr, PERSONAL_OPTIONS, |key, meta| match key {
                SUBJECT => subject.set(meta, key, self::subject(meta)?),
                _ => none.set(meta, NONE, meta.path.clone()),
            });
        }
        Self { subject: subject.get(), none: none.get() }
    }
}

/// `subject = owner_id`.
pub(crate) fn subject(meta: &ParseNestedMeta) -> syn::Result<Ident> {
    const SHAPE: &str = "subject = owner_id";
    let value = options::value(meta, SHAPE)?;
    let span = value.span();
    value.parse().map_err(|_| syn::Error::new(span, format!("the name of a field belongs here: `{SHAPE}`")))
}
