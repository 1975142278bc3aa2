//! A subscriber that keeps what it is told: spans and events as lines.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// A span or an event.
#[derive(Clone, Debug)]
pub struct Told {
    pub name: &'static str,
    pub target: &'static str,
    pub level: Level,
    pub is_span: bool,
    pub parent: Option<&'static str>,
    pub parent_id: Option<u64>,
    pub fields: BTreeMap<&'static str, String>,
    id: Option<u64>,
}

#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<Told>>>);

impl Seen {
    /// Listens on this thread, up to this level, until the guard is dropped.
    pub fn listen(level: Level) -> (Self, DefaultGuard) {
        let seen = Self::default();
        let filter = tracing_subscriber::filter::LevelFilter::from_level(level);
        let subscriber = tracing_subscriber::registry().with(seen.clone().with_filter(filter));
        (seen, tracing::subscriber::set_default(subscriber))
    }

    pub fn spans(&self, name: &str) -> Vec<Told> {
        self.0.lock().iter().filter(|told| told.is_span && told.name == name).cloned().collect()
    }

    pub fn all(&self) -> Vec<Told> {
        self.0.lock().clone()
    }

    pub fn events(&self, target: &str) -> Vec<Told> {
        self.0.lock().iter().filter(|told| !told.is_span && told.target == target).cloned().collect()
    }
}

impl Told {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

struct Fields<'f>(&'f mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = BTreeMap::new();
        attributes.record(&mut Fields(&mut fields));
        let parent = context.span(id).and_then(|span| span.parent());
        let (parent, parent_id) = (parent.as_ref().map(|span| span.name()), parent.as_ref().map(|span| span.id().into_u64()));
        let metadata = attributes.metadata();
        let (name, target, level) = (metadata.name(), metadata.target(), *metadata.level());
        self.0.lock().push(Told { name, target, level, is_span: true, parent, parent_id, fields, id: Some(id.into_u64()) });
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, _: Context<'_, S>) {
        // Ids are given again: the last span that has this one.
        if let Some(told) = self.0.lock().iter_mut().rev().find(|told| told.id == Some(id.into_u64())) {
            record.record(&mut Fields(&mut told.fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let (parent, parent_id) = (context.event_span(event).map(|span| span.name()), None);
        let metadata = event.metadata();
        let (name, target, level) = (metadata.name(), metadata.target(), *metadata.level());
        self.0.lock().push(Told { name, target, level, is_span: false, parent, parent_id, fields, id: None });
    }
}
