//! The attributes of an event enum and its variants.

use crate::ctxt::Ctxt;
use crate::options::{self, Once};
use crate::personal;
use crate::symbol::{ALIAS, EVENT, EVENT_OPTIONS, NAME, SUBJECT, UPCAST, VERSION};
use crate::upcast::{self, Upcaster};
use proc_macro2::Span;
use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, LitStr, Meta, Path, Token};

/// `#[event(…)]` on one variant.
#[derive(Default)]
pub(super) struct VariantAttrs {
    pub(super) name: Option<LitStr>,
    pub(super) aliases: Vec<LitStr>,
    pub(super) version: Option<(u32, Span)>,
    /// The field with whose personal data it holds.
    pub(super) subject: Option<Ident>,
    pub(super) upcasters: Option<Vec<Upcaster>>,
    /// Whether an `upcast` was refused already.
    pub(super) unreadable_upcasters: bool,
    /// Serde's options that would change what the variant's content looks like.
    pub(super) serde: Vec<Path>,
}

impl VariantAttrs {
    pub(super) fn read(cx: &Ctxt, attrs: &[Attribute]) -> Self {
        let (mut name, mut version, mut upcasters, mut subject) =
            (Once::default(), Once::default(), Once::default(), Once::default());
        let (mut aliases, mut unreadable_upcasters) = (Vec::new(), false);
        for attr in attrs.iter().filter(|attr| attr.path().is_ident(EVENT)) {
            options::on_item(cx, attr, EVENT_OPTIONS, |key, meta| match key {
                NAME => name.set(meta, key, options::string(meta, "name = \"…\"")?),
                ALIAS => {
                    aliases.push(options::string(meta, "alias = \"…\"")?);
                    Ok(())
                }
                SUBJECT => subject.set(meta, key, personal::subject(meta)?),
                VERSION => version.set(meta, key, upcast::version(meta)?),
                _ => {
                    let steps = upcast::steps(meta).inspect_err(|_| unreadable_upcasters = true)?;
                    upcasters.set(meta, UPCAST, steps)
                }
            });
        }
        Self {
            name: name.get(),
            aliases,
            version: version.get(),
            subject: subject.get(),
            upcasters: upcasters.get(),
            unreadable_upcasters,
            serde: serde(attrs, SERDE_ON_VARIANT),
        }
    }
}

/// `#[event(subject = owner_id)]` on the enum: for all its events. `None` when the attribute says anything else.
pub(super) fn subject_of_all(attr: &Attribute) -> Option<Ident> {
    let mut subject = None;
    let parsed = attr.parse_nested_meta(|meta| match meta.path.is_ident(SUBJECT) {
        true => personal::subject(&meta).map(|ident| subject = Some(ident)),
        false => Err(meta.error("")),
    });
    parsed.ok().and(subject)
}

/// What serde would do to the whole enum instead of writing a variant's content after the tag.
pub(super) const SERDE_ON_ENUM: &[&str] = &["tag", "content", "untagged", "from", "try_from", "into", "transparent", "remote"];
const SERDE_ON_VARIANT: &[&str] =
    &["untagged", "skip", "skip_serializing", "skip_deserializing", "other", "with", "serialize_with", "deserialize_with"];

/// Those of serde's options that are in the list. What is no attribute of serde's is left to serde.
pub(super) fn serde(attrs: &[Attribute], refused: &[&str]) -> Vec<Path> {
    let lists = attrs.iter().filter(|attr| attr.path().is_ident("serde"));
    lists
        .filter_map(|attr| attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok())
        .flatten()
        .map(|option| option.path().clone())
        .filter(|path| refused.iter().any(|refused| path.is_ident(refused)))
        .collect()
}
