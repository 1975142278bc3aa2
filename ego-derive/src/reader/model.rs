//! A projection or a reactor as we speak of it.

use super::attr::{Audience, Mode, ReaderAttrs};
use super::on::{Key, On};
use crate::ctxt::Ctxt;
use crate::mark;
use crate::method::{Method, attributes, bare, is_named};
use crate::symbol::{INDEX, ON, PROJECTION_OPTIONS, REACTOR_OPTIONS};
use crate::ty::ungroup;
use proc_macro2::Span;
use syn::{Ident, ImplItem, ImplItemFn, ItemImpl, LitStr, PatType, Path, Type, TypeReference};

/// Which of the two macros it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Projection,
    Reactor,
}

impl What {
    /// The macro, as a user writes it.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Projection => "ego::projection",
            Self::Reactor => "ego::reactor",
        }
    }

    pub(super) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Projection => PROJECTION_OPTIONS,
            Self::Reactor => REACTOR_OPTIONS,
        }
    }
}

/// The words that mark a method of a block.
pub(super) const MARKS: &[&str] = &[ON, INDEX];

/// ```text
/// #[ego::projection(name = name, version = version, mode = mode, crate = krate)]
/// impl Balance { methods, indexes, and whatever else }
/// ```
pub(super) struct Reader<'i> {
    pub(super) what: What,
    pub(super) krate: Path,
    pub(super) name: Option<LitStr>,
    pub(super) version: Option<(u32, Span)>,
    pub(super) mode: Option<(Mode, Span)>,
    pub(super) audience: Option<Audience>,
    pub(super) readable: bool,
    pub(super) item: &'i ItemImpl,
    pub(super) this: &'i Type,
    pub(super) methods: Vec<OnMethod<'i>>,
    pub(super) indexes: Vec<Index<'i>>,
    /// Every `on` and `index` in an attribute, as it is written.
    pub(super) marks: Vec<&'i Ident>,
}

/// ```text
/// #[on(Card, key = owner_of)] async fn card(&mut self, event: &CardEvent, delivery: &Delivery, db: &dyn Db) -> output
///      ^kind ^key                                      ^event             ^extras
/// ```
pub(super) struct OnMethod<'i> {
    pub(super) method: Method<'i>,
    pub(super) kind: Option<Type>,
    pub(super) key: Option<Key>,
    pub(super) event: Option<Event<'i>>,
    pub(super) extras: Vec<(&'i PatType, Extra<'i>)>,
}

pub(super) struct Event<'i> {
    /// The parameter's type, as it is written.
    pub(super) written: &'i Type,
    /// The type of the event, if it is lent to the method as it should be.
    pub(super) lent: Option<&'i Type>,
}

pub(super) enum Extra<'i> {
    Metadata,
    Delivery,
    Service(&'i Type),
    /// Refused.
    Other,
}

/// `#[index] fn owner(&self) -> &str`
pub(super) struct Index<'i> {
    pub(super) mark: &'i Ident,
    pub(super) method: Method<'i>,
}

impl<'i> Reader<'i> {
    pub(super) fn read(cx: &Ctxt, what: What, attrs: ReaderAttrs, item: &'i ItemImpl) -> Self {
        let ReaderAttrs { krate, name, version, mode, audience, readable } = attrs;
        let (mut methods, mut indexes, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        let both = "a method is either given events or gives the values of an index, not both";
        for item in &item.items {
            let attrs = attributes(item);
            let Some((mark, attr)) = mark::one(cx, &krate, attrs, MARKS, both) else { continue };
            marks.extend(mark::written(&krate, attrs, MARKS));
            let written = mark::word(&krate, attr, MARKS).map(|(_, written)| written);
            match (item, written) {
                (ImplItem::Fn(item), Some(_)) if mark == ON => methods.push(OnMethod::read(item, On::read(cx, attr))),
                (ImplItem::Fn(item), Some(word)) => {
                    mark::takes_no_options(cx, mark, attr);
                    indexes.push(Index { mark: word, method: Method::new(item) });
                }
                _ => cx.error(written, format_args!("`#[{mark}]` marks a method")),
            }
        }
        let this = ungroup(&item.self_ty);
        Self { what, krate, name, version, mode, audience, readable, item, this, methods, indexes, marks }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode.map_or(Mode::Async, |(mode, _)| mode)
    }
}

impl<'i> OnMethod<'i> {
    fn read(item: &'i ImplItemFn, on: On) -> Self {
        let method = Method::new(item);
        let mut params = method.params();
        let event = params.next().map(|param| Event::read(&param.ty));
        let extras = params.map(|param| (param, Extra::read(&param.ty))).collect();
        Self { method, kind: on.kind, key: on.key, event, extras }
    }
}

impl<'i> Event<'i> {
    fn read(ty: &'i Type) -> Self {
        let written = ungroup(ty);
        let lent = match written {
            Type::Reference(TypeReference { mutability: None, elem, .. }) => Some(bare(elem)),
            _ => None,
        };
        Self { written, lent }
    }
}

impl<'i> Extra<'i> {
    fn read(ty: &'i Type) -> Self {
        match ungroup(ty) {
            Type::Reference(TypeReference { mutability: None, lifetime: None, elem, .. }) => match bare(elem) {
                ty if is_metadata(ty) => Self::Metadata,
                ty if is_delivery(ty) => Self::Delivery,
                ty => Self::Service(ty),
            },
            _ => Self::Other,
        }
    }
}

pub(super) fn is_metadata(ty: &Type) -> bool {
    is_named(ty, "Metadata")
}

pub(super) fn is_delivery(ty: &Type) -> bool {
    is_named(ty, "Delivery")
}
