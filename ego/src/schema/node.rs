//! A place in a type: what is found out there, the way on, or a sample.

use super::inside::{Entries, Given, Items, Pairs, Refusal, Variant};
use super::probe::{Found, Goal, State, Step};
use super::shape::Shape;
use parking_lot::Mutex;
use serde::de::{DeserializeSeed, Deserializer, Expected, VariantAccess, Visitor};
use std::cell::Cell;

/// A place in the type.
#[derive(Clone, Copy)]
pub(super) struct Node<'s> {
    state: &'s Mutex<State>,
    /// How many steps were taken; `None` beside the path, where samples are given.
    place: Option<usize>,
    depth: usize,
}

enum Way {
    Here(Goal),
    Through(Step),
    Sample,
}

/// Texts that common types are parsed from.
const TEXTS: &[&str] = &[
    "a",
    "",
    "1",
    "2026-01-31T12:00:00Z",
    "2026-01-31",
    "12:00:00",
    "67e55044-10b1-426f-9247-bb680e5fe0c8",
    "PT1H",
    "127.0.0.1",
    "127.0.0.1:80",
    "https://example.org/",
    "ann@example.org",
    "EUR",
    "2026-01-31T12:00:00",
    "2026-01-31T12:00:00+00:00[UTC]",
    "0.0",
];

impl<'s> Node<'s> {
    const DEPTH: usize = 24;

    /// Where a type begins.
    pub(super) fn first(state: &'s Mutex<State>) -> Self {
        Self { state, place: Some(0), depth: 0 }
    }

    fn way(&self) -> Way {
        let state = self.state.lock();
        match (self.place, &state.goal) {
            (Some(place), Some(goal)) => {
                state.path.get(place).map_or_else(|| Way::Here(goal.clone()), |step| Way::Through(*step))
            }
            _ => Way::Sample,
        }
    }

    pub(super) fn is_asked(&self, goal: &Goal) -> bool {
        self.state.lock().goal.as_ref() == Some(goal)
    }

    pub(super) fn child(&self) -> Self {
        Self { place: self.place.map(|place| place + 1), depth: self.depth + 1, ..*self }
    }

    pub(super) fn sample(&self) -> Self {
        Self { place: None, depth: self.depth + 1, ..*self }
    }

    pub(super) fn found<T>(&self, found: Found) -> Result<T, Refusal> {
        self.state.lock().found = Some(found);
        Err(Refusal::Other("found".to_owned()))
    }

    pub(super) fn choose(&self, of: usize) -> Result<usize, Refusal> {
        if self.depth > Self::DEPTH || of == 0 {
            return Err(Refusal::Other("no sample of it ends".to_owned()));
        }
        let mut state = self.state.lock();
        let cursor = state.cursor;
        state.cursor += 1;
        match state.choices.get_mut(cursor) {
            Some(choice) => choice.1 = of,
            None => state.choices.push((0, of)),
        }
        Ok(state.choices[cursor].0)
    }

    /// Something that nothing is inside of.
    fn plain<T>(self, shape: Shape, of: usize, give: impl FnOnce(usize) -> Result<T, Refusal>) -> Result<T, Refusal> {
        match self.way() {
            Way::Here(_) => self.found(Found::Plain(shape)),
            Way::Through(_) => Err(astray()),
            Way::Sample => give(self.choose(of)?),
        }
    }

    fn fields<'de, V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let inside = Cell::new(false);
        let entries =
            |names: Vec<&'static str>, value: Self, way| Entries { names: names.into_iter(), value, way, inside: &inside };
        match self.way() {
            Way::Here(Goal::Look) => self.found(Found::Struct { name, fields }),
            Way::Here(Goal::SameField(one, other)) => {
                match visitor.visit_map(entries(vec![one, other], self.sample(), Given::UntilTheLast)) {
                    Err(Refusal::Duplicate(field)) if !inside.get() => self.found(Found::Same(field)),
                    Err(refusal) => Err(refusal),
                    Ok(_) => self.found(Found::No),
                }
            }
            Way::Here(Goal::Without(names)) => {
                let others = fields.iter().copied().filter(|field| !names.contains(field)).collect();
                match visitor.visit_map(entries(others, self.sample(), Given::UnlessRefused)) {
                    Ok(_) => self.found(Found::Yes),
                    Err(Refusal::Missing(field)) if !inside.get() && names.contains(&field) => self.found(Found::No),
                    Err(refusal) => Err(refusal),
                }
            }
            Way::Here(Goal::Closed) => {
                let _ = visitor.visit_map(entries(vec!["ego: no such field"], self.sample(), Given::Always));
                if self.state.lock().found.is_some() { Err(astray()) } else { self.found(Found::No) }
            }
            Way::Through(Step::Field(field)) => visitor.visit_map(entries(vec![field], self.child(), Given::Always)),
            Way::Through(_) => Err(astray()),
            Way::Sample => visitor.visit_map(entries(fields.to_vec(), self.sample(), Given::UnlessRefused)),
        }
    }

    fn tuple<'de, V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refusal> {
        match self.way() {
            Way::Here(_) => self.found(Found::Tuple(len)),
            Way::Through(Step::At(at)) => visitor.visit_seq(Items { left: len, before: at, node: self }),
            Way::Through(_) => Err(astray()),
            Way::Sample => visitor.visit_seq(Items { left: len, before: len, node: self }),
        }
    }
}

fn astray() -> Refusal {
    Refusal::Other("it is read in another way than before".to_owned())
}

macro_rules! plain {
    ($($method:ident $shape:ident $visit:ident [$($sample:expr),+];)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            let samples = [$($sample),+];
            self.plain(Shape::$shape, samples.len(), |choice| visitor.$visit(samples[choice]))
        })*
    };
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Refusal;

    plain! {
        deserialize_bool Bool visit_bool [false, true];
        deserialize_i8 I8 visit_i8 [1, 0];
        deserialize_i16 I16 visit_i16 [1, 0];
        deserialize_i32 I32 visit_i32 [1, 0];
        deserialize_i64 I64 visit_i64 [1, 0];
        deserialize_i128 I128 visit_i128 [1, 0];
        deserialize_u8 U8 visit_u8 [1, 0];
        deserialize_u16 U16 visit_u16 [1, 0];
        deserialize_u32 U32 visit_u32 [1, 0];
        deserialize_u64 U64 visit_u64 [1, 0];
        deserialize_u128 U128 visit_u128 [1, 0];
        deserialize_f32 F32 visit_f32 [1.0, 0.0];
        deserialize_f64 F64 visit_f64 [1.0, 0.0];
        deserialize_char Char visit_char ['a', '1'];
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.plain(Shape::String, TEXTS.len(), |choice| visitor.visit_str(TEXTS[choice]))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.plain(Shape::Bytes, 2, |choice| visitor.visit_bytes(&[0; 16][..choice * 16]))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.plain(Shape::Unit, 1, |_| visitor.visit_unit())
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.way() {
            Way::Here(_) => self.found(Found::Option),
            Way::Through(Step::Some) => visitor.visit_some(self.child()),
            Way::Through(_) => Err(astray()),
            Way::Sample if self.choose(2)? == 0 => visitor.visit_none(),
            Way::Sample => visitor.visit_some(self.sample()),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.way() {
            Way::Here(_) => self.found(Found::List),
            Way::Through(Step::Item) => visitor.visit_seq(Items { left: 1, before: 0, node: self }),
            Way::Through(_) => Err(astray()),
            Way::Sample => {
                let left = self.choose(2)?;
                visitor.visit_seq(Items { left, before: left, node: self })
            }
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refusal> {
        self.tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, len: usize, visitor: V) -> Result<V::Value, Refusal> {
        self.tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.way() {
            Way::Here(_) => self.found(Found::Map),
            Way::Through(Step::Key) => visitor.visit_map(Pairs { left: 1, key: self.child(), value: self.sample() }),
            Way::Through(Step::Value) => visitor.visit_map(Pairs { left: 1, key: self.sample(), value: self.child() }),
            Way::Through(_) => Err(astray()),
            Way::Sample => {
                let left = self.choose(2)?;
                visitor.visit_map(Pairs { left, key: self.sample(), value: self.sample() })
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.fields(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match self.way() {
            Way::Here(_) => self.found(Found::Enum { name, variants }),
            Way::Through(Step::Variant(variant)) => visitor.visit_enum(Variant { variant, node: self.child() }),
            Way::Through(_) => Err(astray()),
            Way::Sample => {
                // Another one first each time, so that a type that stands in itself ends.
                let turn = self.state.lock().cursor;
                let at = (self.choose(variants.len())? + turn) % variants.len();
                visitor.visit_enum(Variant { variant: variants[at], node: self.sample() })
            }
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.way() {
            Way::Here(_) => self.found(Found::Identifier),
            _ => self.deserialize_str(visitor),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.way() {
            Way::Here(_) => self.found(Found::Untraced((&visitor as &dyn Expected).to_string())),
            Way::Through(_) => Err(astray()),
            Way::Sample => match self.choose(4)? {
                0 => visitor.visit_str("a"),
                1 => visitor.visit_u64(1),
                2 => visitor.visit_unit(),
                _ => visitor.visit_bool(false),
            },
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.way() {
            // The content of an event without fields: it may gain some.
            Way::Here(_) => self.fields("", &[], visitor),
            _ => visitor.visit_unit(),
        }
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}

impl<'de> VariantAccess<'de> for Node<'_> {
    type Error = Refusal;

    fn unit_variant(self) -> Result<(), Refusal> {
        self.plain(Shape::Unit, 1, |_| Ok(()))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refusal> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refusal> {
        self.tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Refusal> {
        self.fields("", fields, visitor)
    }
}
