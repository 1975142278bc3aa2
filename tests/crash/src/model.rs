//! The domain once more, told independently of ego: what a command records on a state, and what events make of it. It reads the stored
//! JSON by hand, so that a fault in how ego folds or decodes does not hide itself.

use crate::domain::SEATS;
use crate::outcome::Outcome;
use crate::tried::Asked;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The state of any stream; each kind uses its part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) total: u64,
    pub(crate) guests: BTreeSet<u64>,
}

/// What a command records, and what it replies.
pub(crate) type Decided = (Vec<(&'static str, Value)>, u64);

impl Model {
    /// `None` when it is refused.
    pub(crate) fn decide(&self, asked: &Asked, token: &str) -> Option<Decided> {
        let guests = self.guests.len();
        let added = |by: &u64, times: &u64, note: &str| {
            (0..*times).map(|_| ("Added", json!({ "by": by, "note": note }))).collect::<Vec<_>>()
        };
        let left = |guest: &u64| ("Left", json!({ "guest": guest }));
        Some(match asked {
            Asked::Add { by, times, note } => (added(by, times, &"x".repeat(*note)), self.total + by * times),
            Asked::Direct { by, times } => (added(by, times, token), *by),
            Asked::Take { by } => (vec![("Taken", json!({ "by": by }))], self.total.checked_sub(*by)?),
            Asked::Look => (Vec::new(), self.total),
            Asked::Seat { guest } if guests < SEATS && !self.guests.contains(guest) => {
                (vec![("Seated", json!({ "guest": guest }))], guests as u64 + 1)
            }
            Asked::Leave { guest } if self.guests.contains(guest) => (vec![left(guest)], guests as u64 - 1),
            Asked::Clear => (self.guests.iter().map(left).collect(), 0),
            Asked::Pile { times, size } => {
                let filler = "z".repeat(*size);
                ((0..*times).map(|number| ("Piled", json!({ "number": number, "filler": filler }))).collect(), *times)
            }
            Asked::Seat { .. } | Asked::Leave { .. } | Asked::Keep { .. } => return None,
        })
    }

    pub(crate) fn apply(&mut self, name: &str, content: &Value) -> Outcome {
        let number = |field: &str| content[field].as_u64().ok_or_else(|| format!("{name} has no {field}: {content}"));
        match name {
            "Added" => self.total += number("by")?,
            "Taken" => self.total = self.total.checked_sub(number("by")?).ok_or("more was taken than was there")?,
            "Seated" => drop(self.guests.insert(number("guest")?)),
            "Left" => drop(self.guests.remove(&number("guest")?)),
            "Piled" => {}
            _ => return Err(format!("nobody records {name}").into()),
        }
        Ok(())
    }

    /// What a command that only asks is told.
    pub(crate) fn told(&self, asked: &Asked) -> u64 {
        if matches!(asked, Asked::Clear) { self.guests.len() as u64 } else { self.total }
    }
}
