//! The figures of each round, by subject and by what was measured.

use crate::report::Table;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was measured, each round one figure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples(BTreeMap<String, BTreeMap<String, Vec<f64>>>);

impl Samples {
    /// One more figure.
    pub fn add(&mut self, subject: &str, measure: &str, figure: f64) {
        self.0.entry(subject.to_owned()).or_default().entry(measure.to_owned()).or_default().push(figure);
    }

    /// The figures so far, in the order of the rounds.
    #[must_use]
    pub fn of(&self, subject: &str, measure: &str) -> &[f64] {
        self.0.get(subject).and_then(|measures| measures.get(measure)).map_or(&[], Vec::as_slice)
    }

    /// The median; not a number when nothing was measured.
    #[must_use]
    pub fn median(&self, subject: &str, measure: &str) -> f64 {
        median(self.of(subject, measure))
    }

    /// The median of the quotients of the rounds: what stood beside each other is compared.
    #[must_use]
    pub fn quotient(&self, (subject, measure): (&str, &str), (other, by): (&str, &str)) -> f64 {
        let quotients: Vec<f64> = self.of(subject, measure).iter().zip(self.of(other, by)).map(|(one, two)| one / two).collect();
        median(&quotients)
    }

    /// A table of medians: a row for each subject, a column for each measure.
    #[must_use]
    pub fn table(&self, title: &str, subjects: &[&str], measures: &[&str], show: fn(f64) -> String) -> Table {
        Table::of(title, subjects, measures, |subject, measure| show(self.median(subject, measure)))
    }
}

/// The middle one; between the two in the middle, their mean.
#[must_use]
pub fn median(figures: &[f64]) -> f64 {
    let mut ordered = figures.to_vec();
    ordered.sort_by(f64::total_cmp);
    match ordered.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => ordered[odd / 2],
        even => f64::midpoint(ordered[even / 2 - 1], ordered[even / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[9.0, 1.0, 5.0, 7.0]), 6.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn quotients_are_taken_round_by_round() {
        let mut samples = Samples::default();
        // A slow machine in the second round: the quotient stays.
        for (ego, raw) in [(20.0, 10.0), (2.0, 1.0), (21.0, 10.0)] {
            samples.add("ego", "C", ego);
            samples.add("raw", "C", raw);
        }
        assert_eq!(samples.quotient(("ego", "C"), ("raw", "C")), 2.0);
        assert_eq!(samples.median("ego", "C"), 20.0);
    }

    #[test]
    fn a_table_has_a_row_for_each_subject() {
        let mut samples = Samples::default();
        samples.add("ego", "A", 2.0);
        let table = samples.table("t", &["ego", "peer"], &["A"], crate::show::count);
        assert_eq!(table.rows[0].cells, ["2.00"]);
        assert_eq!(table.rows[1].cells, ["–"]);
    }
}
