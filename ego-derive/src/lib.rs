//! The macros of ego. Use them through the crate `ego`, which re-exports and documents them.
//!
//! A folder per macro, with the same four passes: `attr` reads the attributes, `model` is the thing as we speak of it, `check` has one
//! function per rule, `expand` writes the code and shows it in a comment first.

mod aggregate;
mod command;
mod ctxt;
mod duration;
mod event;
mod handlers;
mod hygiene;
mod krate;
mod location;
mod mark;
mod method;
mod name;
mod options;
mod outside;
mod personal;
mod reader;
mod signature;
mod suggest;
mod symbol;
mod ty;
mod upcast;

use proc_macro::TokenStream;
use reader::What;
use syn::{DeriveInput, parse_macro_input};

/// See `ego::Event`.
#[proc_macro_derive(Event, attributes(event, personal, ego))]
pub fn event(input: TokenStream) -> TokenStream {
    event::derive(&parse_macro_input!(input as DeriveInput)).into()
}

/// See `ego::Personal`.
#[proc_macro_derive(Personal, attributes(personal, ego))]
pub fn personal(input: TokenStream) -> TokenStream {
    personal::derive(&parse_macro_input!(input as DeriveInput)).into()
}

/// See `ego::Command`.
#[proc_macro_derive(Command, attributes(command, ego))]
pub fn command(input: TokenStream) -> TokenStream {
    command::derive(&parse_macro_input!(input as DeriveInput)).into()
}

/// See `ego::Aggregate`.
#[proc_macro_derive(Aggregate, attributes(aggregate, ego))]
pub fn aggregate(input: TokenStream) -> TokenStream {
    aggregate::derive(&parse_macro_input!(input as DeriveInput)).into()
}

/// See `ego::handlers`.
#[proc_macro_attribute]
pub fn handlers(options: TokenStream, item: TokenStream) -> TokenStream {
    handlers::attribute(options.into(), item.into()).into()
}

/// See `ego::handle`.
#[proc_macro_attribute]
pub fn handle(_: TokenStream, item: TokenStream) -> TokenStream {
    outside::refuse(symbol::HANDLE, HANDLERS, item.into()).into()
}

/// See `ego::apply`.
#[proc_macro_attribute]
pub fn apply(_: TokenStream, item: TokenStream) -> TokenStream {
    outside::refuse(symbol::APPLY, HANDLERS, item.into()).into()
}

/// See `ego::projection`.
#[proc_macro_attribute]
pub fn projection(options: TokenStream, item: TokenStream) -> TokenStream {
    reader::attribute(What::Projection, options.into(), item.into()).into()
}

/// See `ego::reactor`.
#[proc_macro_attribute]
pub fn reactor(options: TokenStream, item: TokenStream) -> TokenStream {
    reader::attribute(What::Reactor, options.into(), item.into()).into()
}

/// See `ego::saga`.
#[proc_macro_attribute]
pub fn saga(options: TokenStream, item: TokenStream) -> TokenStream {
    reader::attribute(What::Saga, options.into(), item.into()).into()
}

/// See `ego::start`.
#[proc_macro_attribute]
pub fn start(_: TokenStream, item: TokenStream) -> TokenStream {
    outside::refuse(symbol::START, SAGA, item.into()).into()
}

/// See `ego::rejected`.
#[proc_macro_attribute]
pub fn rejected(_: TokenStream, item: TokenStream) -> TokenStream {
    outside::refuse(symbol::REJECTED, SAGA, item.into()).into()
}

/// See `ego::timeout`.
#[proc_macro_attribute]
pub fn timeout(_: TokenStream, item: TokenStream) -> TokenStream {
    outside::refuse(symbol::TIMEOUT, SAGA, item.into()).into()
}

/// See `ego::on`.
#[proc_macro_attribute]
pub fn on(_: TokenStream, item: TokenStream) -> TokenStream {
    outside::refuse(symbol::ON, READERS, item.into()).into()
}

/// See `ego::index`.
#[proc_macro_attribute]
pub fn index(_: TokenStream, item: TokenStream) -> TokenStream {
    outside::refuse(symbol::INDEX, PROJECTION, item.into()).into()
}

// The blocks that read the marks.
const HANDLERS: &str = "an `#[ego::handlers]` impl block";
const READERS: &str = "an `#[ego::projection]`, `#[ego::reactor]` or `#[ego::saga]` impl block";
const SAGA: &str = "an `#[ego::saga]` impl block";
const PROJECTION: &str = "an `#[ego::projection]` impl block";
