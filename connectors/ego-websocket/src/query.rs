//! What a client asks for in the address.

use ego::Engine;
use ego::engine::ReadError;
use ego::message::{Position, StreamId};
use ego::model::Token;
use ego::publish::Format;
use ego::subscription::{DeliveredJson, Subscription};

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Wanted {
    from: From,
    kinds: Vec<String>,
    events: Vec<String>,
    streams: Vec<StreamId>,
    tags: Vec<String>,
    pub(crate) format: Format,
}

#[derive(Debug, Default, PartialEq)]
enum From {
    #[default]
    Start,
    Now,
    Position(Position),
    /// Behind this event, which may be one of several at its position.
    Event(Token),
}

impl Wanted {
    /// Reads the part behind the `?`; or says what is wrong with it.
    pub(crate) fn parse(query: &str) -> Result<Self, String> {
        let mut wanted = Self::default();
        let mut from = None;
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match &*key {
                "after" | "from" => {
                    let begin = if key == "after" { after(&value) } else { named(&value) };
                    let begin = begin.ok_or_else(|| format!("`{key}={value}` is no place in the log"))?;
                    if from.replace(begin).is_some() {
                        return Err("`after` or `from` stand once, one of them".to_owned());
                    }
                }
                "kind" => wanted.kinds.push(value),
                "event" => wanted.events.push(value),
                "tag" => wanted.tags.push(value),
                "stream" => {
                    let parts = value.split_once('/').ok_or_else(|| format!("`{value}` is no stream: write `kind/id`"))?;
                    wanted.streams.push(StreamId::new(parts.0, parts.1).map_err(|reason| reason.to_string())?);
                }
                "format" => {
                    wanted.format = match &*value {
                        "cloudevents" => Format::CloudEvents,
                        "flat" => Format::Flat,
                        _ => return Err(format!("`{value}` is no format: there are `cloudevents` and `flat`")),
                    };
                }
                _ => return Err(format!("`{key}` is unknown: there are after, from, kind, event, stream, tag and format")),
            }
        }
        wanted.from = from.unwrap_or_default();
        Ok(wanted)
    }

    pub(crate) async fn subscribe(&self, engine: &Engine, buffer: usize) -> Result<Subscription<DeliveredJson>, ReadError> {
        let mut subscribe = engine.subscribe().buffer(buffer);
        subscribe = match self.from {
            From::Start => subscribe,
            From::Now => subscribe.from_now(),
            From::Position(position) => subscribe.after(position),
            // The rest of that position is still to come.
            From::Event(token) => match Position::new(token.position().get() - 1) {
                Some(before) => subscribe.after(before),
                None => subscribe,
            },
        };
        subscribe = self.kinds.iter().fold(subscribe, |subscribe, kind| subscribe.kind(&**kind));
        subscribe = self.events.iter().fold(subscribe, |subscribe, name| subscribe.event(&**name));
        subscribe = self.streams.iter().fold(subscribe, |subscribe, stream| subscribe.stream(stream.clone()));
        subscribe = self.tags.iter().fold(subscribe, |subscribe, tag| subscribe.tag(&**tag));
        subscribe.json().await
    }

    /// Whether the client has not seen the event yet.
    pub(crate) fn is_new(&self, token: Token) -> bool {
        !matches!(self.from, From::Event(seen) if token <= seen)
    }
}

fn after(text: &str) -> Option<From> {
    if text.contains('.') {
        return Token::parse(text).map(From::Event);
    }
    Some(Position::new(text.parse().ok()?).map_or(From::Start, From::Position))
}

fn named(text: &str) -> Option<From> {
    match text {
        "start" => Some(From::Start),
        "now" => Some(From::Now),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_be_asked_for() {
        let wanted = Wanted::parse("after=17.1&kind=account&kind=order&event=Paid&stream=account%2Fa+b/c&tag=vip&format=flat");
        let expected = Wanted {
            from: From::Event(Token::parse("17.1").unwrap()),
            kinds: vec!["account".into(), "order".into()],
            events: vec!["Paid".into()],
            streams: vec![StreamId::new("account", "a b/c").unwrap()],
            tags: vec!["vip".into()],
            format: Format::Flat,
        };
        assert_eq!(wanted, Ok(expected));
        let from = |query| Wanted::parse(query).unwrap().from;
        assert_eq!(from(""), From::Start);
        assert_eq!(from("after=0"), From::Start);
        assert_eq!(from("from=now"), From::Now);
        assert_eq!(from("after=17"), From::Position(Position::new(17).unwrap()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (query, said) in [
            ("afer=1", "afer"),
            ("after=last", "last"),
            ("after=1.x", "1.x"),
            ("after=0.0", "0.0"),
            ("after=-1", "-1"),
            ("from=then", "then"),
            ("after=1&from=now", "once"),
            ("stream=account", "kind/id"),
            ("stream=a%20b/1", "kind"),
            ("format=xml", "xml"),
        ] {
            let refused = Wanted::parse(query).unwrap_err();
            assert!(refused.contains(said), "{query}: {refused}");
        }
    }
}
