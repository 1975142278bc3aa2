//! A projection, a reactor or a saga as we speak of it.

use super::attr::{Audience, Mode, ReaderAttrs};
use super::on::{Key, On};
use crate::ctxt::Ctxt;
use crate::mark;
use crate::method::{Method, attributes, bare, is_named};
use crate::symbol::{INDEX, ON, PROJECTION_OPTIONS, REACTOR_OPTIONS, REJECTED, SAGA_OPTIONS, START, TIMEOUT};
use crate::ty::ungroup;
use crate::upcast::Upcaster;
use proc_macro2::Span;
use syn::{Ident, ImplItem, ImplItemFn, ItemImpl, LitStr, PatType, Path, Type, TypeReference};

/// Which of the macros it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Projection,
    Reactor,
    Saga,
}

impl What {
    /// The macro, as a user writes it.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Projection => "ego::projection",
            Self::Reactor => "ego::reactor",
            Self::Saga => "ego::saga",
        }
    }

    pub(super) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Projection => PROJECTION_OPTIONS,
            Self::Reactor => REACTOR_OPTIONS,
            Self::Saga => SAGA_OPTIONS,
        }
    }

    /// The words that mark a method of its block.
    pub(super) fn marks(self) -> &'static [&'static str] {
        match self {
            Self::Projection | Self::Reactor => &[ON, INDEX],
            Self::Saga => &[START, ON, REJECTED, TIMEOUT, INDEX],
        }
    }
}

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
    pub(super) upcasters: Vec<Upcaster>,
    pub(super) readable: bool,
    pub(super) item: &'i ItemImpl,
    pub(super) this: &'i Type,
    pub(super) methods: Vec<OnMethod<'i>>,
    pub(super) indexes: Vec<Index<'i>>,
    /// The methods of a saga that are given no events.
    pub(super) hears: Vec<Hears<'i>>,
    /// Every mark in an attribute, as it is written.
    pub(super) marks: Vec<&'i Ident>,
}

/// ```text
/// #[on(Card, key = owner_of)] async fn card(&mut self, event: &CardEvent, delivery: &Delivery, db: &dyn Db) -> output
///      ^kind ^key                                      ^event             ^extras
/// ```
pub(super) struct OnMethod<'i> {
    /// `on`, or `start` in a saga.
    pub(super) mark: &'static str,
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
    /// `&mut SagaContext<Self>`.
    Effects,
    /// Refused.
    Other,
}

/// `#[index] fn owner(&self) -> &str`
pub(super) struct Index<'i> {
    pub(super) mark: &'i Ident,
    pub(super) method: Method<'i>,
}

/// `#[rejected] fn refused(&mut self, rejection: &Rejected, cx: &mut SagaContext<Self>)`, and likewise `#[timeout]` with a `&str`.
pub(super) struct Hears<'i> {
    pub(super) mark: &'static str,
    pub(super) word: &'i Ident,
    pub(super) method: Method<'i>,
    pub(super) what: Option<&'i PatType>,
    pub(super) extras: Vec<(&'i PatType, Extra<'i>)>,
}

impl<'i> Reader<'i> {
    pub(super) fn read(cx: &Ctxt, what: What, attrs: ReaderAttrs, item: &'i ItemImpl) -> Self {
        let ReaderAttrs { krate, name, version, mode, audience, upcasters, readable } = attrs;
        let (mut methods, mut indexes, mut hears, mut marks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (words, both) = (what.marks(), both(what));
        for item in &item.items {
            let attrs = attributes(item);
            let Some((mark, attr)) = mark::one(cx, &krate, attrs, words, both) else { continue };
            marks.extend(mark::written(&krate, attrs, words));
            let written = mark::word(&krate, attr, words).map(|(_, written)| written);
            match (item, written) {
                (ImplItem::Fn(item), Some(_)) if mark == ON || mark == START => {
                    methods.push(OnMethod::read(what, mark, item, On::read(cx, mark, attr)));
                }
                (ImplItem::Fn(_), Some(word)) if what == What::Saga && mark == INDEX => {
                    cx.error(word, "a saga has no index of its own: its instances are found by their ids and by how they stand");
                }
                (ImplItem::Fn(item), Some(word)) if what == What::Saga => {
                    mark::takes_no_options(cx, mark, attr);
                    hears.push(Hears::read(mark, word, item));
                }
                (ImplItem::Fn(item), Some(word)) => {
                    mark::takes_no_options(cx, mark, attr);
                    indexes.push(Index { mark: word, method: Method::new(item) });
                }
                _ => cx.error(written, format_args!("`#[{mark}]` marks a method")),
            }
        }
        let this = ungroup(&item.self_ty);
        Self { what, krate, name, version, mode, audience, upcasters, readable, item, this, methods, indexes, hears, marks }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode.map_or(Mode::Async, |(mode, _)| mode)
    }
}

impl<'i> OnMethod<'i> {
    fn read(what: What, mark: &'static str, item: &'i ImplItemFn, on: On) -> Self {
        let method = Method::new(item);
        let mut params = method.params();
        let event = params.next().map(|param| Event::read(&param.ty));
        let extras = params.map(|param| (param, Extra::read(what, &param.ty))).collect();
        Self { mark, method, kind: on.kind, key: on.key, event, extras }
    }
}

impl<'i> Hears<'i> {
    fn read(mark: &'static str, word: &'i Ident, item: &'i ImplItemFn) -> Self {
        let method = Method::new(item);
        let mut params = method.params();
        let what = params.next();
        let extras = params.map(|param| (param, Extra::read(What::Saga, &param.ty))).collect();
        Self { mark, word, method, what, extras }
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
    fn read(what: What, ty: &'i Type) -> Self {
        match ungroup(ty) {
            Type::Reference(TypeReference { mutability: Some(_), lifetime: None, elem, .. })
                if what == What::Saga && is_effects(elem) =>
            {
                Self::Effects
            }
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

/// `SagaContext<Self>`, known by its name.
pub(super) fn is_effects(ty: &Type) -> bool {
    matches!(bare(ty), Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "SagaContext"))
}

fn both(what: What) -> &'static str {
    match what {
        What::Projection | What::Reactor => "a method is either given events or gives the values of an index, not both",
        What::Saga => "a method is called for one thing: write a method for each",
    }
}

pub(super) fn is_delivery(ty: &Type) -> bool {
    is_named(ty, "Delivery")
}
