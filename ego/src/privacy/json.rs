//! Personal values in JSON: how they are sealed, and opened again.
//!
//! A sealed value stands where the value stood, and says itself whose it is and what stands in its place when that subject is forgotten:
//! `{"$personal":{"of":"ann-1","sealed":"…","else":"somebody"}}`. So whatever was sealed once can be opened, whatever became of the type.
//! It is bound to its place: to what [`Place`] says, the path in the value, the subject, and what stands in its place.
//!
//! Bytes that stand for themselves are copied, so that numbers stay as they are written.

use super::key::{self, Unopened};
use super::keychain::{Hand, Held};
use crate::model::{Holds, Shape};
use crate::store::PrivacyError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// The only key of a sealed value.
const TAG: &str = "$personal";

/// A sealed value.
#[derive(Serialize, Deserialize)]
pub(super) struct Sealed<'j> {
    /// Whose it is.
    #[serde(borrow)]
    pub(super) of: Cow<'j, str>,
    #[serde(borrow)]
    sealed: Cow<'j, str>,
    /// What stands in its place when that subject is forgotten.
    #[serde(borrow, rename = "else")]
    redacted: &'j RawValue,
}

/// Why a piece of work stops.
pub(super) enum Stop {
    /// It needs the key of a subject; with that in the hand it is to begin again.
    Needs(Arc<str>),
    Refused(PrivacyError),
}

impl From<PrivacyError> for Stop {
    fn from(error: PrivacyError) -> Self {
        Self::Refused(error)
    }
}

/// What becomes of new personal values of a subject that was forgotten.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OfForgotten {
    /// They are refused: a fact would be lost.
    Refuse,
    /// The redacted value is written: what is derived from facts is derived from redacted ones now.
    Redact,
    /// A sealed value is written that nobody can open, so that who reads it is told who was forgotten.
    Mark,
}

/// A JSON object with its members as they are written.
struct Object<'j>(Vec<(Cow<'j, str>, &'j RawValue)>);

impl<'de: 'j, 'j> Deserialize<'de> for Object<'j> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                #[derive(Deserialize)]
                struct Name<'j>(#[serde(borrow)] Cow<'j, str>);
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members).map(Object)
    }
}

/// Whether there may be a sealed value in it. Costs a search, no parsing.
pub(super) fn may_hold_sealed(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, TAG.as_bytes()).is_some()
}

/// The sealed value that this is, if it is one.
fn as_sealed(raw: &str) -> Option<Sealed<'_>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Tagged<'j> {
        #[serde(borrow, rename = "$personal")]
        sealed: Sealed<'j>,
    }
    let is_object = raw.starts_with('{') && may_hold_sealed(raw.as_bytes());
    is_object.then(|| serde_json::from_str::<Tagged<'_>>(raw).ok()).flatten().map(|tagged| tagged.sealed)
}

/// Looks at each sealed value.
pub(super) fn each_sealed(raw: &str, look: &mut dyn FnMut(&Sealed<'_>)) {
    if !may_hold_sealed(raw.as_bytes()) {
        return;
    }
    if let Some(sealed) = as_sealed(raw) {
        look(&sealed);
    } else if let Ok(Object(members)) = serde_json::from_str(raw) {
        members.iter().for_each(|(_, value)| each_sealed(value.get(), look));
    } else if let Ok(values) = serde_json::from_str::<Vec<&RawValue>>(raw) {
        values.iter().for_each(|value| each_sealed(value.get(), look));
    }
}

/// Where a value is stored, as text that is bound to what is sealed in it.
pub(super) type Place<'p> = &'p [&'p str];

fn bind(place: Place<'_>, path: &str, subject: &str, redacted: &str) -> Vec<u8> {
    key::place(&[place, &[path, subject, redacted]].concat())
}

/// Seals what is personal in a value.
pub(super) struct Sealer<'s> {
    place: Place<'s>,
    /// `None` to redact everything.
    hand: Option<&'s Hand>,
    of_forgotten: OfForgotten,
    path: String,
    out: String,
    /// Whose values were found, forgotten ones among them.
    pub(super) subjects: BTreeSet<Arc<str>>,
}

impl<'s> Sealer<'s> {
    pub(super) fn new(place: Place<'s>, hand: &'s Hand, of_forgotten: OfForgotten) -> Self {
        Self { place, hand: Some(hand), of_forgotten, path: String::new(), out: String::new(), subjects: BTreeSet::new() }
    }

    /// Writes the redacted value in place of everything that is personal.
    pub(super) fn redacting() -> Self {
        let of_forgotten = OfForgotten::Redact;
        Self { place: &[], hand: None, of_forgotten, path: String::new(), out: String::new(), subjects: BTreeSet::new() }
    }

    /// The value of this shape, sealed.
    pub(super) fn seal(mut self, shape: &Shape, raw: &str) -> Result<(String, BTreeSet<Arc<str>>), Stop> {
        self.out.reserve(raw.len() * 2);
        self.value(Some(shape), None, raw)?;
        Ok((self.out, self.subjects))
    }

    fn value(&mut self, shape: Option<&Shape>, subject: Option<&str>, raw: &str) -> Result<(), Stop> {
        match shape {
            // An absent part of this shape.
            _ if raw == "null" => self.out.push_str(raw),
            Some(Shape::Fields { subject: field, fields }) => {
                let members = self.members(raw)?;
                let own = field.and_then(|field| members.iter().find(|(name, _)| name == field)).and_then(|(_, value)| id(value));
                let subject = if field.is_some() { own.as_deref() } else { subject };
                for field in *fields {
                    let is_there = members.iter().any(|(name, _)| name == field.name);
                    if matches!(field.holds, Holds::Personal { optional: false, .. }) && !is_there {
                        return Err(self.not_found(field.name).into());
                    }
                }
                self.object(&members, |this, name, value| {
                    match fields.iter().find(|field| field.name == name).map(|field| field.holds) {
                        Some(Holds::Personal { redacted, .. }) => this.personal(subject, value, &redacted()),
                        Some(Holds::Other(shape)) => this.value(shape(), subject, value),
                        None => this.value(None, subject, value),
                    }
                })?;
            }
            Some(Shape::Values(shape)) => {
                let members = self.members(raw)?;
                self.object(&members, |this, _, value| this.value(Some(shape()), subject, value))?;
            }
            Some(Shape::Each(shape)) => {
                let values: Vec<&RawValue> = serde_json::from_str(raw).map_err(|_| self.not_found("0"))?;
                list(self, &values, |this, value| this.value(Some(shape()), subject, value))?;
            }
            Some(Shape::Nothing) | None => {
                refuse_forged(raw)?;
                self.out.push_str(raw);
            }
        }
        Ok(())
    }

    fn members<'j>(&self, raw: &'j str) -> Result<Vec<(Cow<'j, str>, &'j RawValue)>, PrivacyError> {
        serde_json::from_str::<Object<'j>>(raw).map(|object| object.0).map_err(|_| self.not_found("…"))
    }

    fn object(
        &mut self,
        members: &[(Cow<'_, str>, &RawValue)],
        mut each: impl FnMut(&mut Self, &str, &str) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        object(self, members, |this, name, value| each(this, name, value))
    }

    fn not_found(&self, field: &str) -> PrivacyError {
        PrivacyError::NotFound { field: format!("{}/{field}", self.path).into() }
    }

    /// What says nothing of anybody stays as it is: nothing at all, and the redacted value.
    fn personal(&mut self, subject: Option<&str>, raw: &str, redacted: &str) -> Result<(), Stop> {
        if raw == "null" || raw == redacted {
            self.out.push_str(raw);
            return Ok(());
        }
        let Some(hand) = self.hand else {
            self.out.push_str(redacted);
            return Ok(());
        };
        refuse_forged(raw)?;
        let subject: Arc<str> = subject.ok_or_else(|| PrivacyError::NoSubject { field: self.path.as_str().into() })?.into();
        self.subjects.insert(Arc::clone(&subject));
        let sealed = seal_for(
            &subject,
            hand,
            self.of_forgotten,
            &|subject| bind(self.place, &self.path, subject, redacted),
            raw,
            redacted,
        )?;
        self.out.push_str(&sealed);
        Ok(())
    }
}

fn seal_for(
    subject: &Arc<str>,
    hand: &Hand,
    of_forgotten: OfForgotten,
    bind: &dyn Fn(&str) -> Vec<u8>,
    raw: &str,
    redacted: &str,
) -> Result<String, Stop> {
    match hand.get(subject) {
        None => Err(Stop::Needs(Arc::clone(subject))),
        Some(Held::Lost) => Err(PrivacyError::KeyLost { subject: Arc::clone(subject) }.into()),
        Some(Held::Forgotten) => match of_forgotten {
            OfForgotten::Refuse => Err(PrivacyError::Forgotten { subject: Arc::clone(subject) }.into()),
            OfForgotten::Redact => Ok(redacted.to_owned()),
            OfForgotten::Mark => Ok(sealed_as(subject, "", redacted)),
        },
        Some(Held::Key(key)) => {
            let sealed = STANDARD_NO_PAD.encode(key.seal(&bind(subject), raw.as_bytes()));
            Ok(sealed_as(subject, &sealed, redacted))
        }
    }
}

/// As it is written.
fn sealed_as(subject: &str, sealed: &str, redacted: &str) -> String {
    format!(r#"{{"{TAG}":{{"of":{},"sealed":"{sealed}","else":{redacted}}}}}"#, text(subject))
}

/// Seals a whole value for several subjects, one after the other, so that it is redacted as soon as one of them is forgotten.
pub(super) fn seal_whole(
    subjects: &BTreeSet<Arc<str>>,
    place: Place<'_>,
    hand: &Hand,
    of_forgotten: OfForgotten,
    raw: &str,
    redacted: &str,
) -> Result<String, Stop> {
    refuse_forged(raw)?;
    subjects.iter().try_fold(raw.to_owned(), |raw, subject| {
        seal_for(subject, hand, of_forgotten, &|subject| bind(place, "", subject, redacted), &raw, redacted)
    })
}

/// Opens what is sealed in a value.
pub(super) struct Opener<'o> {
    place: Place<'o>,
    hand: &'o Hand,
    path: String,
    out: String,
    /// A subject that was forgotten, if one was.
    forgotten: Option<Arc<str>>,
}

impl<'o> Opener<'o> {
    pub(super) fn new(place: Place<'o>, hand: &'o Hand) -> Self {
        Self { place, hand, path: String::new(), out: String::new(), forgotten: None }
    }

    /// The value, opened; and one of those whose values were redacted.
    pub(super) fn open(mut self, raw: &str) -> Result<(String, Option<Arc<str>>), Stop> {
        self.out.reserve(raw.len());
        self.value(raw)?;
        Ok((self.out, self.forgotten))
    }

    fn value(&mut self, raw: &str) -> Result<(), Stop> {
        if !may_hold_sealed(raw.as_bytes()) {
            self.out.push_str(raw);
            return Ok(());
        }
        if let Some(sealed) = as_sealed(raw) {
            return self.sealed(&sealed);
        }
        if let Ok(Object(members)) = serde_json::from_str(raw) {
            return object(self, &members, |this, _, value| this.value(value));
        }
        if let Ok(values) = serde_json::from_str::<Vec<&RawValue>>(raw) {
            return list(self, &values, |this, value| this.value(value));
        }
        self.out.push_str(raw);
        Ok(())
    }

    fn sealed(&mut self, sealed: &Sealed<'_>) -> Result<(), Stop> {
        let subject: Arc<str> = sealed.of.as_ref().into();
        let redacted = sealed.redacted.get();
        match self.hand.get(&subject) {
            None => Err(Stop::Needs(subject)),
            Some(Held::Lost) => Err(PrivacyError::KeyLost { subject }.into()),
            Some(Held::Forgotten) => {
                self.out.push_str(redacted);
                self.forgotten = Some(subject);
                Ok(())
            }
            Some(Held::Key(key)) => {
                let bytes = STANDARD_NO_PAD.decode(sealed.sealed.as_bytes()).map_err(|_| PrivacyError::Tampered)?;
                let opened =
                    key.open(&bind(self.place, &self.path, &subject, redacted), &bytes).map_err(|unopened| match unopened {
                        Unopened::WrongKey => PrivacyError::WrongKey { of: format!("{subject:?}").into() },
                        Unopened::Tampered => PrivacyError::Tampered,
                    })?;
                let plain = str::from_utf8(&opened).map_err(|_| PrivacyError::Tampered)?;
                match as_sealed(plain) {
                    Some(sealed) => self.sealed(&sealed),
                    None => {
                        self.out.push_str(plain);
                        Ok(())
                    }
                }
            }
        }
    }
}

/// Somebody who walks through a value, knows where it is, and writes another.
trait Walk {
    fn at(&mut self) -> (&mut String, &mut String);
}

impl Walk for Sealer<'_> {
    fn at(&mut self) -> (&mut String, &mut String) {
        (&mut self.path, &mut self.out)
    }
}

impl Walk for Opener<'_> {
    fn at(&mut self) -> (&mut String, &mut String) {
        (&mut self.path, &mut self.out)
    }
}

fn inside<W: Walk>(walk: &mut W, step: &str, within: impl FnOnce(&mut W) -> Result<(), Stop>) -> Result<(), Stop> {
    let (path, _) = walk.at();
    let before = path.len();
    path.push('/');
    // As in a JSON pointer, so that no two paths are written alike.
    path.push_str(&step.replace('~', "~0").replace('/', "~1"));
    within(walk)?;
    walk.at().0.truncate(before);
    Ok(())
}

fn object<W: Walk>(
    walk: &mut W,
    members: &[(Cow<'_, str>, &RawValue)],
    mut each: impl FnMut(&mut W, &str, &str) -> Result<(), Stop>,
) -> Result<(), Stop> {
    walk.at().1.push('{');
    for (index, (name, value)) in members.iter().enumerate() {
        let out = walk.at().1;
        if index > 0 {
            out.push(',');
        }
        out.push_str(&text(name));
        out.push(':');
        inside(walk, name, |walk| each(walk, name, value.get()))?;
    }
    walk.at().1.push('}');
    Ok(())
}

fn list<W: Walk>(walk: &mut W, values: &[&RawValue], mut each: impl FnMut(&mut W, &str) -> Result<(), Stop>) -> Result<(), Stop> {
    walk.at().1.push('[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            walk.at().1.push(',');
        }
        inside(walk, &index.to_string(), |walk| each(walk, value.get()))?;
    }
    walk.at().1.push(']');
    Ok(())
}

/// Nobody but a sealer writes sealed values.
pub(super) fn refuse_forged(raw: &str) -> Result<(), PrivacyError> {
    let mut forged = false;
    each_sealed(raw, &mut |_| forged = true);
    if forged { Err(PrivacyError::Forged) } else { Ok(()) }
}

/// A text as JSON.
pub(super) fn text(text: &str) -> String {
    // A text is always written.
    serde_json::to_string(text).unwrap_or_default()
}

/// The subject that a field names: a text that is not empty, or a whole number.
fn id(raw: &RawValue) -> Option<Arc<str>> {
    match serde_json::from_str(raw.get()).ok()? {
        serde_json::Value::String(text) if !text.is_empty() => Some(text.into()),
        serde_json::Value::Number(number) if !number.is_f64() => Some(number.to_string().into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
