//! Raw identifiers, for everything that has a name.
#![allow(non_camel_case_types, reason = "keywords are written in lower case")]

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// What can happen.
#[derive(Event, Serialize, Deserialize)]
pub enum r#enum {
    /// With raw fields.
    r#fn {
        /// A raw field.
        r#type: u64,
    },
    /// With a raw payload.
    r#Loop(r#loop),
    /// Unit.
    r#match,
}

/// A payload.
#[derive(Serialize, Deserialize)]
pub struct r#loop {
    /// A raw field.
    pub r#in: u64,
}

/// A request.
#[derive(Command, Serialize, Deserialize)]
pub struct r#try {
    /// A raw field.
    pub r#type: u64,
}

/// A request with variants.
#[derive(Command, Serialize, Deserialize)]
pub enum r#move {
    /// One.
    r#ref,
    /// Another.
    r#mut {
        /// A raw field.
        r#as: u64,
    },
}

/// A service.
pub struct r#dyn;

/// A state.
#[derive(Aggregate, Default)]
#[aggregate(name = "raw", event = r#enum)]
pub struct r#struct {
    /// A raw field.
    pub r#const: u64,
}

#[ego::handlers]
impl r#struct {
    #[handle]
    fn r#fn(&self, r#in: r#try, r#where: &r#dyn) -> Result<(r#enum, r#loop), Infallible> {
        let _ = r#where;
        Ok((r#enum::r#fn { r#type: r#in.r#type }, r#loop { r#in: 1 }))
    }
    #[handle]
    async fn r#async(&self, r#mut { .. }: r#plain) -> Result<r#enum, Infallible> {
        std::future::ready(()).await;
        Ok(r#enum::r#match)
    }
    #[handle]
    fn r#move(&self, r#in: &r#move) -> Result<Decision<r#enum, u64>, Infallible> {
        let r#reply = match r#in {
            r#move::r#ref => 0,
            r#move::r#mut { r#as } => *r#as,
        };
        Ok(Decision::nothing().reply(r#reply))
    }
    #[apply]
    fn r#use(&mut self, r#box: &r#enum) {
        match r#box {
            r#enum::r#fn { r#type } => self.r#const += r#type,
            r#enum::r#Loop(r#loop { r#in }) => self.r#const += r#in,
            r#enum::r#match => {}
        }
    }
}

/// A request whose pattern is taken apart in the parameter.
#[derive(Command, Serialize, Deserialize)]
pub struct r#plain {
    /// A raw field.
    pub r#yield: u64,
}
use r#plain as r#mut;

/// What can happen, one payload each.
#[derive(Event)]
pub enum r#union {
    /// The only one.
    r#abstract(r#loop),
}

/// Something that holds raw things.
pub trait r#trait: Default + Send + Sync + 'static {
    /// The kind.
    const r#FINAL: &'static str;
}

/// The only instance.
#[derive(Default)]
pub struct r#virtual;

impl r#trait for r#virtual {
    const r#FINAL: &'static str = "raw.generic";
}

/// A generic state.
#[derive(Aggregate, Default)]
#[aggregate(name = r#impl::r#FINAL, event = r#union)]
pub struct r#priv<r#impl: r#trait>(pub u64, std::marker::PhantomData<r#impl>);

#[ego::handlers]
impl<r#impl: r#trait> r#priv<r#impl> {
    #[apply]
    fn r#loop(&mut self, r#event: &r#loop) {
        self.0 += r#event.r#in;
    }
    #[handle]
    fn r#try(&self, r#command: r#try) -> Result<r#loop, Infallible> {
        Ok(r#loop { r#in: r#command.r#type })
    }
}

ego::register!(r#priv<r#virtual>);

/// A view.
#[derive(Default, Serialize, Deserialize)]
pub struct r#impl {
    /// A raw field.
    pub r#const: u64,
}

fn r#final(r#in: &r#union) -> Option<String> {
    let r#union::r#abstract(r#loop { r#in: r#as }) = r#in;
    (*r#as > 0).then(|| r#as.to_string())
}

#[ego::projection(r#name = "raw.view", r#mode = r#async, r#version = 3)]
impl r#impl {
    #[on(r#struct)]
    fn r#fn(&mut self, r#in: &r#enum, r#where: &r#dyn) {
        let _ = r#where;
        if let r#enum::r#fn { r#type } = r#in {
            self.r#const += r#type;
        }
    }
    #[on(r#priv<r#virtual>, key = r#final)]
    async fn r#async(&mut self, _: &r#union) {}
    /// A raw index.
    #[must_use]
    #[index]
    pub fn r#type(&self) -> u64 {
        self.r#const
    }
}

/// A reactor.
#[derive(Default)]
pub struct r#static;

#[ego::reactor(name = "raw.reactor", audience = r#group)]
impl r#static {
    #[on(r#struct)]
    fn r#match(&self, _: &r#enum, r#where: &r#dyn) {
        let _ = r#where;
    }
}
