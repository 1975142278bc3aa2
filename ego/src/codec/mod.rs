//! Bytes and back. [`Codec`] is the trait, [`Json`] the default, [`AnyCodec`] what the rest of ego holds.
//!
//! The stored name of the codec stands with every commit, so that a store may hold events of several codecs.

mod json;
mod value;
mod variant;

pub use json::Json;
pub use value::JsonValue;

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

/// Turns values into bytes and back.
///
/// What is written must stay readable when the value's type gains fields with defaults or loses fields (unknown fields are
/// ignored): a codec keeps the names of fields.
pub trait Codec: Send + Sync + 'static {
    /// The stored name, for example `json`. Never changes once something was written.
    fn name(&self) -> &'static str;

    /// The bytes of a value.
    ///
    /// # Errors
    /// [`CodecError`] when the value refuses or holds something that the format cannot say.
    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError>;

    /// Offers a deserializer over all of `bytes` to `visit`, once.
    ///
    /// # Errors
    /// [`CodecError`] when the bytes are not of the format, when `visit` refuses them, or when something stands behind the value.
    fn decode(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError>;
}

/// Takes the value out of a deserializer.
pub type Visit<'v> = dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error> + 'v;

/// Why a value could not be encoded or decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CodecError {
    reason: Arc<str>,
}

impl CodecError {
    /// An error with this reason.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string().into() }
    }
}

/// Any [`Codec`], with a straight way for JSON. Cloning shares it.
#[derive(Clone)]
pub struct AnyCodec(Choice);

/// [`AnyCodec::reads`] of a type.
pub(crate) type Decode = fn(&AnyCodec) -> Result<(), CodecError>;

#[derive(Clone)]
enum Choice {
    Json,
    Other(Arc<dyn Codec>),
}

impl Default for AnyCodec {
    /// JSON.
    fn default() -> Self {
        Self(Choice::Json)
    }
}

impl fmt::Debug for AnyCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyCodec({})", self.name())
    }
}

impl AnyCodec {
    /// Takes a codec.
    pub fn new<C: Codec>(codec: C) -> Self {
        if TypeId::of::<C>() == TypeId::of::<Json>() { Self::default() } else { Self(Choice::Other(Arc::new(codec))) }
    }

    /// The codec's stored name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.0 {
            Choice::Json => Json.name(),
            Choice::Other(codec) => codec.name(),
        }
    }

    /// The bytes of a value.
    ///
    /// # Errors
    /// As [`Codec::encode`].
    pub fn encode<T: Serialize>(&self, value: &T) -> Result<Vec<u8>, CodecError> {
        match &self.0 {
            Choice::Json => serde_json::to_vec(value).map_err(CodecError::new),
            Choice::Other(codec) => codec.encode(value),
        }
    }

    /// Adds the bytes of a value to `bytes`.
    ///
    /// # Errors
    /// As [`Codec::encode`]; a part of them may have been added then.
    pub fn encode_into<T: Serialize>(&self, value: &T, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        match &self.0 {
            Choice::Json => serde_json::to_writer(bytes, value).map_err(CodecError::new),
            Choice::Other(codec) => codec.encode(value).map(|encoded| bytes.extend(encoded)),
        }
    }

    /// The value that the bytes stand for.
    ///
    /// # Errors
    /// As [`Codec::decode`].
    pub fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, CodecError> {
        match &self.0 {
            Choice::Json => serde_json::from_slice(bytes).map_err(CodecError::new),
            Choice::Other(codec) => take(codec.as_ref(), bytes, |deserializer| T::deserialize(deserializer)),
        }
    }

    /// Reads a value and drops it: what its type asks the codec for is its shape.
    pub(crate) fn reads<T: DeserializeOwned>(&self) -> Result<(), CodecError> {
        self.decode::<T>(b"").map(drop)
    }

    /// Adds the bytes of an enum's value without the variant's name: the content of a struct-like variant is a map, of a unit variant an
    /// empty map, of a tuple variant with one field that field.
    ///
    /// # Errors
    /// As [`Codec::encode`], and for a value that does not serialize as a variant of an enum.
    pub fn encode_variant_into<T: Serialize>(&self, value: &T, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        self.encode_into(&variant::Content(value), bytes)
    }

    /// The value of an enum's variant, from what [`encode_variant_into`](Self::encode_variant_into) wrote. `index` counts the variants as they
    /// are declared, from 0.
    ///
    /// # Errors
    /// As [`Codec::decode`], and for a type that does not deserialize as an enum with so many variants.
    pub fn decode_variant<T: DeserializeOwned>(&self, bytes: &[u8], index: u32) -> Result<T, CodecError> {
        match &self.0 {
            Choice::Json => {
                let mut json = serde_json::Deserializer::from_slice(bytes);
                let value = T::deserialize(variant::ByIndex { index, content: &mut json }).map_err(CodecError::new)?;
                json.end().map_err(CodecError::new)?;
                Ok(value)
            }
            Choice::Other(codec) => take(codec.as_ref(), bytes, |content| T::deserialize(variant::ByIndex { index, content })),
        }
    }
}

fn take<T>(
    codec: &dyn Codec,
    bytes: &[u8],
    visit: impl Fn(&mut dyn erased_serde::Deserializer<'_>) -> Result<T, erased_serde::Error>,
) -> Result<T, CodecError> {
    let mut value = None;
    codec.decode(bytes, &mut |deserializer| {
        value = Some(visit(deserializer)?);
        Ok(())
    })?;
    value.ok_or_else(|| CodecError::new("the codec offered no value"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// JSON through the erased way, as any foreign codec goes.
    struct Foreign;
    impl Codec for Foreign {
        fn name(&self) -> &'static str {
            "foreign"
        }
        fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
            Json.encode(value)
        }
        fn decode(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError> {
            Json.decode(bytes, visit)
        }
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Change {
        Opened {
            owner: String,
            #[serde(default)]
            limit: u32,
        },
        #[serde(rename = "renamed")]
        Moved(Vec<u8>),
        Closed,
    }

    fn content<T: Serialize>(codec: &AnyCodec, value: &T) -> Result<Vec<u8>, CodecError> {
        let mut bytes = Vec::new();
        codec.encode_variant_into(value, &mut bytes).map(|()| bytes)
    }

    fn both(test: impl Fn(AnyCodec)) {
        test(AnyCodec::default());
        test(AnyCodec::new(Foreign));
    }

    #[test]
    fn a_variant_is_written_without_its_name_and_read_by_its_index() {
        both(|codec| {
            for (index, value, bytes) in [
                (0, Change::Opened { owner: "ann".into(), limit: 3 }, r#"{"owner":"ann","limit":3}"#),
                (1, Change::Moved(vec![1, 2]), "[1,2]"),
                (2, Change::Closed, "{}"),
            ] {
                assert_eq!(content(&codec, &value), Ok(bytes.as_bytes().to_vec()));
                assert_eq!(codec.decode_variant::<Change>(bytes.as_bytes(), index), Ok(value));
            }
        });
    }

    #[test]
    fn an_alias_of_a_variant_moves_none_of_the_others() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Booking {
            #[serde(alias = "Added", alias = "Put")]
            Credited {
                by: u32,
            },
            Debited {
                by: u32,
            },
        }
        both(|codec| {
            for (index, value) in [(0, Booking::Credited { by: 1 }), (1, Booking::Debited { by: 1 })] {
                let bytes = content(&codec, &value).unwrap();
                assert_eq!(codec.decode_variant::<Booking>(&bytes, index), Ok(value));
            }
        });
    }

    #[test]
    fn unknown_fields_are_ignored_and_new_fields_take_their_default() {
        both(|codec| {
            let read = codec.decode_variant::<Change>(br#"{"owner":"ann","gone":[1]}"#, 0);
            assert_eq!(read, Ok(Change::Opened { owner: "ann".into(), limit: 0 }));
            assert_eq!(codec.decode_variant::<Change>(br#"{"later":1}"#, 2), Ok(Change::Closed));
        });
    }

    #[test]
    fn bytes_that_are_cut_or_followed_by_others_are_refused() {
        both(|codec| {
            assert!(codec.decode_variant::<Change>(br#"{"owner":"ann""#, 0).is_err());
            assert!(codec.decode_variant::<Change>(br#"{"owner":"ann"}{}"#, 0).is_err());
            assert!(codec.decode::<u32>(b"1 2").is_err());
            assert!(codec.decode_variant::<Change>(b"{}", 9).is_err());
        });
    }

    #[test]
    fn what_is_no_enum_has_no_variant() {
        both(|codec| assert!(content(&codec, &5u32).is_err()));
    }
}
