//! A block of handlers and appliers as we speak of it.

use super::attr::{self, BlockAttrs, MARKS, Register};
use crate::ctxt::Ctxt;
use crate::mark;
use crate::method::{Method, attributes, bare, is_named};
use crate::symbol::HANDLE;
use crate::ty::ungroup;
use proc_macro2::Span;
use syn::{GenericParam, Ident, ImplItem, ImplItemFn, ItemImpl, PatType, Path, ReceiverKind, Type, TypeReference};

/// ```text
/// #[ego::handlers(crate = krate, register(…), durable)]
/// impl Account { handlers, appliers, and whatever else }
/// ```
pub(super) struct Block<'i> {
    pub(super) krate: Path,
    pub(super) register: Option<Register>,
    /// The word, where it is written.
    pub(super) durable: Option<Span>,
    pub(super) readable: bool,
    pub(super) item: &'i ItemImpl,
    pub(super) this: &'i Type,
    pub(super) handlers: Vec<Handler<'i>>,
    pub(super) appliers: Vec<Applier<'i>>,
    /// Every `handle` and `apply` in an attribute, as it is written.
    pub(super) marks: Vec<&'i Ident>,
}

/// ```text
/// #[handle] async fn withdraw(&self, cmd: Withdraw, context: &Context, fraud: &dyn Fraud) -> output
///                                    ^command       ^extras
/// ```
pub(super) struct Handler<'i> {
    pub(super) method: Method<'i>,
    pub(super) command: Option<Command<'i>>,
    pub(super) extras: Vec<(&'i PatType, Extra<'i>)>,
}

pub(super) struct Command<'i> {
    pub(super) ty: &'i Type,
    /// The reference, for a handler that takes `&Withdraw`.
    pub(super) reference: Option<&'i TypeReference>,
}

pub(super) enum Extra<'i> {
    Context,
    Service(&'i Type),
    /// Refused.
    Other,
}

/// ```text
/// #[apply] fn deposited(&mut self, e: &Deposited)
///                                      ^event
/// ```
pub(super) struct Applier<'i> {
    pub(super) method: Method<'i>,
    pub(super) event: Option<&'i Type>,
}

impl<'i> Block<'i> {
    pub(super) fn read(cx: &Ctxt, attrs: BlockAttrs, item: &'i ItemImpl) -> Self {
        let BlockAttrs { krate, register, durable, readable } = attrs;
        let (mut handlers, mut appliers, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        for item in &item.items {
            let attrs = attributes(item);
            let Some(mark) = attr::mark(cx, &krate, attrs) else { continue };
            marks.extend(mark::written(&krate, attrs, MARKS));
            match item {
                ImplItem::Fn(item) if mark == HANDLE => handlers.push(Handler::read(item)),
                ImplItem::Fn(item) => appliers.push(Applier::read(item)),
                _ => cx.error(marks.last(), format_args!("`#[{mark}]` marks a method")),
            }
        }
        Self { krate, register, durable, readable, item, this: ungroup(&item.self_ty), handlers, appliers, marks }
    }

    /// Whether its handlers change a copy of the state: it says so, or one of them takes `&mut self` and nothing here applies events.
    pub(super) fn is_durable(&self) -> bool {
        let changes = |handler: &Handler<'_>| handler.receiver() == Receiver::Exclusive;
        self.durable.is_some() || self.appliers.is_empty() && self.handlers.iter().any(changes)
    }

    /// Whether there is more than one type that the block speaks about.
    pub(super) fn is_generic(&self) -> bool {
        self.item.generics.params.iter().any(|param| !matches!(param, GenericParam::Lifetime(_)))
    }
}

impl<'i> Handler<'i> {
    fn read(item: &'i ImplItemFn) -> Self {
        let method = Method::new(item);
        let mut params = method.params();
        let command = params.next().map(|param| match ungroup(&param.ty) {
            Type::Reference(reference) => Command { ty: ungroup(&reference.elem), reference: Some(reference) },
            ty => Command { ty, reference: None },
        });
        let extras = params.map(|param| (param, Extra::read(&param.ty))).collect();
        Self { method, command, extras }
    }
}

/// How a handler takes the state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiver {
    /// `&self`
    Shared,
    /// `&mut self`
    Exclusive,
    /// Refused.
    Other,
}

impl Handler<'_> {
    pub(super) fn receiver(&self) -> Receiver {
        match self.method.sig.receiver().map(|receiver| &receiver.kind) {
            Some(ReceiverKind::Reference(_, _, None)) => Receiver::Shared,
            Some(ReceiverKind::Reference(_, _, Some(_))) => Receiver::Exclusive,
            _ => Receiver::Other,
        }
    }
}

impl<'i> Extra<'i> {
    fn read(ty: &'i Type) -> Self {
        match ungroup(ty) {
            Type::Reference(TypeReference { mutability: None, lifetime: None, elem, .. }) => match bare(elem) {
                ty if is_context(ty) => Self::Context,
                ty => Self::Service(ty),
            },
            _ => Self::Other,
        }
    }
}

impl<'i> Applier<'i> {
    fn read(item: &'i ImplItemFn) -> Self {
        let method = Method::new(item);
        let event = method.params().next().and_then(|param| match ungroup(&param.ty) {
            Type::Reference(TypeReference { mutability: None, elem, .. }) => Some(bare(elem)),
            _ => None,
        });
        Self { method, event }
    }
}

/// The context is known by its name.
pub(super) fn is_context(ty: &Type) -> bool {
    is_named(ty, "Context")
}
