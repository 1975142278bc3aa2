//! The shape of a type, from what it asks for at each of its places.

use super::probe::{Found, Goal, Probe, Step};
use super::shape::{Fields, Shape};
use crate::codec::AnyCodec;

/// Reads a value with the codec that is given: what is read first is what is traced.
pub(super) type Read<'r> = dyn Fn(&AnyCodec) -> Result<(), String> + 'r;

/// The shape of what `read` reads; `None` when it reads nothing. The same type has the same shape, wherever and whenever it is traced.
pub(super) fn trace(read: &Read<'_>) -> Option<Shape> {
    let probe = Probe::default();
    let codec = AnyCodec::new(probe.clone());
    let run = move || read(&codec);
    let shape = Trace { probe: probe.clone(), run: &run, within: Vec::new() }.shape(&mut Vec::new());
    probe.was_asked().then_some(shape)
}

struct Trace<'t> {
    probe: Probe,
    run: &'t dyn Fn() -> Result<(), String>,
    /// The structs and enums that are being traced.
    within: Vec<Container>,
}

struct Container {
    name: &'static str,
    parts: &'static [&'static str],
    path: Vec<Step>,
}

impl Trace<'_> {
    /// As deep as a struct or enum of one name must be the same to be taken for the one that it stands in.
    const ALIKE: usize = 3;

    fn find(&self, path: &[Step], goal: &Goal) -> Result<Found, String> {
        self.probe.find(path, goal, self.run)
    }

    fn shape(&mut self, path: &mut Vec<Step>) -> Shape {
        match self.find(path, &Goal::Look) {
            Ok(Found::Plain(shape)) => shape,
            Ok(Found::Option) => Shape::Option(Box::new(self.step(path, Step::Some))),
            Ok(Found::List) => Shape::List(Box::new(self.step(path, Step::Item))),
            Ok(Found::Tuple(len)) => {
                let mut items: Vec<_> = (0..len).map(|at| self.step(path, Step::At(at))).collect();
                match items.pop() {
                    Some(last) if len > 1 && items.iter().all(|item| *item == last) => Shape::Array(Box::new(last), len),
                    last => {
                        items.extend(last);
                        Shape::Tuple(items)
                    }
                }
            }
            Ok(Found::Map) => {
                path.push(Step::Key);
                let key = self.find(path, &Goal::Look);
                path.pop();
                if matches!(key, Ok(Found::Identifier)) {
                    return Shape::Untraced("a struct with flattened fields".to_owned());
                }
                Shape::Map(Box::new(self.step(path, Step::Key)), Box::new(self.step(path, Step::Value)))
            }
            Ok(Found::Struct { name, fields }) => {
                self.container(name, fields, path, |this, path| Shape::Struct(this.fields(fields, path)))
            }
            Ok(Found::Enum { name, variants }) => self.container(name, variants, path, |this, path| {
                let shapes = variants.iter().map(|variant| ((*variant).to_owned(), this.step(path, Step::Variant(variant))));
                Shape::Enum(shapes.collect())
            }),
            Ok(Found::Untraced(expects)) => Shape::Untraced(without_name(&expects)),
            Ok(_) => Shape::Untraced("a name".to_owned()),
            Err(refusal) => Shape::Untraced(format!("no sample leads there: {refusal}")),
        }
    }

    fn step(&mut self, path: &mut Vec<Step>, step: Step) -> Shape {
        path.push(step);
        let shape = self.shape(path);
        path.pop();
        shape
    }

    fn container(
        &mut self,
        name: &'static str,
        parts: &'static [&'static str],
        path: &mut Vec<Step>,
        inside: impl FnOnce(&mut Self, &mut Vec<Step>) -> Shape,
    ) -> Shape {
        let alike = |outer: &Container| {
            let same = outer.name == name && outer.parts == parts && !name.is_empty();
            same && self.outline(&outer.path, Self::ALIKE) == self.outline(path, Self::ALIKE)
        };
        if let Some(at) = self.within.iter().rposition(alike) {
            return Shape::Within(self.within.len() - at);
        }
        self.within.push(Container { name, parts, path: path.clone() });
        let shape = inside(self, path);
        self.within.pop();
        shape
    }

    fn fields(&mut self, names: &'static [&'static str], path: &mut Vec<Step>) -> Fields {
        let mut fields = Fields { closed: self.find(path, &Goal::Closed) == Ok(Found::Yes), ..Fields::default() };
        let mut groups: Vec<Vec<&'static str>> = Vec::new();
        for name in names {
            // The names of one field stand side by side.
            let same = |group: &mut Vec<_>| match self.find(path, &Goal::SameField(group[0], name)) {
                Ok(Found::Same(own)) => {
                    group.push(name);
                    // Its own name stands first.
                    group.sort_unstable_by_key(|name| *name != own);
                    true
                }
                _ => false,
            };
            if !groups.last_mut().is_some_and(same) {
                groups.push(vec![name]);
            }
        }
        for group in groups {
            let may_be_left_out = self.find(path, &Goal::Without(group.clone())) == Ok(Found::Yes);
            let shape = self.step(path, Step::Field(group[0]));
            let kept = if may_be_left_out { &mut fields.optional } else { &mut fields.required };
            kept.insert(group[0].to_owned(), shape);
            fields.aliases.extend(group[1..].iter().map(|alias| ((*alias).to_owned(), group[0].to_owned())));
        }
        fields
    }

    /// What is asked for here and so far below.
    fn outline(&self, path: &[Step], depth: usize) -> Outline {
        let found = self.find(path, &Goal::Look);
        let steps: Vec<Step> = match &found {
            _ if depth == 0 => Vec::new(),
            Ok(Found::Option) => vec![Step::Some],
            Ok(Found::List) => vec![Step::Item],
            Ok(Found::Tuple(len)) => (0..*len).map(Step::At).collect(),
            Ok(Found::Map) => vec![Step::Key, Step::Value],
            Ok(Found::Struct { fields, .. }) => fields.iter().map(|field| Step::Field(field)).collect(),
            Ok(Found::Enum { variants, .. }) => variants.iter().map(|variant| Step::Variant(variant)).collect(),
            _ => Vec::new(),
        };
        let below = steps.into_iter().map(|step| self.outline(&[path, &[step]].concat(), depth - 1)).collect();
        Outline { found, below }
    }
}

/// The name of a type in the program is no part of a shape (I10).
fn without_name(expects: &str) -> String {
    let enums = ["internally tagged enum", "adjacently tagged enum", "untagged enum", "struct", "enum"];
    enums.iter().find(|kind| expects.starts_with(**kind)).map_or_else(|| expects.to_owned(), |kind| (*kind).to_owned())
}

#[derive(PartialEq)]
struct Outline {
    found: Result<Found, String>,
    below: Vec<Outline>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::{BTreeSet, HashMap};

    fn json<T: serde::de::DeserializeOwned>() -> serde_json::Value {
        let shape = trace(&|codec| codec.decode::<T>(b"").map(drop).map_err(|error| error.to_string())).unwrap();
        let json = serde_json::to_value(&shape).unwrap();
        assert_eq!(serde_json::from_value::<Shape>(json.clone()).unwrap(), shape, "a shape is read as it was written");
        json
    }

    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Money {
        #[serde(rename = "cents", alias = "amount")]
        units: u64,
        #[serde(default)]
        currency: String,
        note: Option<String>,
    }

    #[test]
    fn a_struct_says_which_fields_must_be_there_and_under_which_names() {
        let shape = serde_json::json!({"struct": {
            "required": {"cents": "u64"},
            "optional": {"currency": "string", "note": {"option": "string"}},
            "aliases": {"amount": "cents"},
        }});
        assert_eq!(json::<Money>(), shape);
    }

    #[test]
    fn what_is_nested_is_traced_in_whatever_holds_it() {
        #[derive(Deserialize)]
        #[allow(dead_code)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        struct Order {
            line_items: Vec<(u32, Money)>,
            by_day: HashMap<i8, BTreeSet<char>>,
            colour: [u8; 3],
            kind: Kind,
            twice: Option<Option<bool>>,
        }
        #[derive(Deserialize)]
        #[allow(dead_code)]
        enum Kind {
            Plain,
            #[serde(rename = "gift", alias = "present")]
            Gift(Wrapped),
            Split(u8, String),
            To {
                whom: String,
            },
        }
        #[derive(Deserialize)]
        #[allow(dead_code)]
        struct Wrapped(f32);
        let order = json::<Order>();
        let fields = &order["struct"]["required"];
        assert_eq!(order["struct"]["closed"], true);
        assert_eq!(fields["line-items"]["list"]["tuple"][0], "u32");
        assert_eq!(fields["line-items"]["list"]["tuple"][1], json::<Money>());
        assert_eq!(fields["by-day"], serde_json::json!({"map": ["i8", {"list": "char"}]}));
        assert_eq!(fields["colour"], serde_json::json!({"array": ["u8", 3]}));
        let kind = serde_json::json!({"enum": {
            "Plain": "unit", "gift": "f32", "present": "f32", "Split": {"tuple": ["u8", "string"]},
            "To": {"struct": {"required": {"whom": "string"}}},
        }});
        assert_eq!(fields["kind"], kind);
        assert_eq!(order["struct"]["optional"]["twice"], serde_json::json!({"option": {"option": "bool"}}));
    }

    #[test]
    fn a_type_that_stands_in_itself_ends() {
        #[derive(Deserialize)]
        #[allow(dead_code)]
        enum Tree {
            Node(Box<Tree>, Box<Tree>),
            Leaf(u8),
        }
        #[derive(Deserialize)]
        #[allow(dead_code)]
        struct Wrapper<T> {
            inner: T,
        }
        #[derive(Deserialize)]
        #[allow(dead_code)]
        struct Chain {
            next: Option<Box<Chain>>,
            value: u8,
        }
        assert_eq!(json::<Tree>(), serde_json::json!({"enum": {"Leaf": "u8", "Node": {"array": [{"within": 1}, 2]}}}));
        assert_eq!(json::<Chain>()["struct"]["optional"]["next"], serde_json::json!({"option": {"within": 1}}));
        // The same name, but not the same type.
        let nested = json::<Wrapper<Wrapper<u8>>>();
        assert_eq!(nested["struct"]["required"]["inner"]["struct"]["required"]["inner"], "u8");
    }

    #[test]
    fn what_is_checked_when_it_is_read_is_what_it_is_read_from() {
        #[derive(Deserialize)]
        #[allow(dead_code)]
        struct Visit {
            at: crate::Timestamp,
            id: uuid::Uuid,
            code: Code,
            size: std::num::NonZeroU16,
            #[serde(default)]
            last: u8,
        }
        #[derive(Deserialize)]
        #[allow(dead_code)]
        #[serde(try_from = "String")]
        struct Code(String);
        impl TryFrom<String> for Code {
            type Error = &'static str;
            fn try_from(text: String) -> Result<Self, &'static str> {
                if text == "only this" { Ok(Self(text)) } else { Err("not this") }
            }
        }
        let visit = json::<Visit>();
        assert_eq!(visit["struct"]["required"]["at"], "string");
        assert_eq!(visit["struct"]["required"]["id"], "string");
        assert_eq!(visit["struct"]["required"]["code"], "string");
        assert_eq!(visit["struct"]["required"]["size"], "u16");
    }

    #[test]
    fn what_does_not_say_its_shape_says_so() {
        #[derive(Deserialize)]
        #[allow(dead_code)]
        #[serde(tag = "type")]
        enum Tagged {
            One { a: u8 },
        }
        #[derive(Deserialize)]
        #[allow(dead_code)]
        struct Flat {
            a: u8,
            #[serde(flatten)]
            money: Money,
        }
        assert_eq!(json::<Tagged>(), serde_json::json!({"untraced": "internally tagged enum"}));
        assert_eq!(json::<Flat>(), serde_json::json!({"untraced": "a struct with flattened fields"}));
        assert_eq!(json::<serde_json::Value>(), serde_json::json!({"untraced": "any valid JSON value"}));
    }
}
