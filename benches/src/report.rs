//! What a program found: tables, goals, and the figures of each round; as text and as JSON.

use crate::Result;
use crate::samples::Samples;
use crate::settings::Settings;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// The answer to the question of one program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The program.
    pub name: String,
    /// What shows it again.
    pub command: String,
    /// How often each figure was taken.
    pub rounds: usize,
    /// Only the smoke test: no figures to rely on.
    pub quick: bool,
    /// So many processors.
    pub cores: usize,
    /// What was measured.
    pub tables: Vec<Table>,
    /// What was asked for, and whether it was met.
    pub goals: Vec<Goal>,
    /// Every figure of every round.
    pub samples: Samples,
}

/// Medians.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// What it shows, with the units.
    pub title: String,
    /// What was measured.
    pub columns: Vec<String>,
    /// Who was measured.
    pub rows: Vec<Row>,
}

impl Table {
    /// A row for each subject, a column for each measure.
    pub fn of(title: &str, subjects: &[&str], measures: &[&str], cell: impl Fn(&str, &str) -> String) -> Self {
        let row = |subject: &&str| Row {
            name: (*subject).to_owned(),
            cells: measures.iter().map(|measure| cell(subject, measure)).collect(),
        };
        let columns = measures.iter().map(|measure| (*measure).to_owned()).collect();
        Self { title: title.to_owned(), columns, rows: subjects.iter().map(row).collect() }
    }
}

/// One subject's figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Who.
    pub name: String,
    /// One for each column.
    pub cells: Vec<String>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    /// What is looked at.
    pub figure: String,
    /// What it should be.
    pub goal: String,
    /// What it is.
    pub measured: String,
    /// Whether that is enough.
    pub met: bool,
}

impl Goal {
    /// At least this.
    #[must_use]
    pub fn at_least(figure: impl Into<String>, goal: f64, measured: f64, show: fn(f64) -> String) -> Self {
        Self { figure: figure.into(), goal: format!("≥ {}", show(goal)), measured: show(measured), met: measured >= goal }
    }

    /// At most this.
    #[must_use]
    pub fn at_most(figure: impl Into<String>, goal: f64, measured: f64, show: fn(f64) -> String) -> Self {
        Self { figure: figure.into(), goal: format!("≤ {}", show(goal)), measured: show(measured), met: measured <= goal }
    }
}

impl Report {
    /// A report without figures yet.
    #[must_use]
    pub fn new(name: &str, settings: &Settings, rounds: usize) -> Self {
        Self {
            name: name.to_owned(),
            command: format!("cargo bench --manifest-path benches/Cargo.toml --bench {name}"),
            rounds,
            quick: settings.quick,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            tables: Vec::new(),
            goals: Vec::new(),
            samples: Samples::default(),
        }
    }

    /// Prints the report, and writes it where the settings say.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn give(&self, settings: &Settings) -> Result<()> {
        println!("{}", self.markdown());
        if let Some(path) = &settings.json {
            std::fs::write(path, serde_json::to_string_pretty(self)? + "\n")?;
        }
        Ok(())
    }

    /// The tables and goals, as they stand in `README.md`.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("`{}` – {} cores, medians of {}", self.command, self.cores, self.rounds);
        text += if self.quick { "; **quick: these figures mean nothing**\n" } else { "\n" };
        for table in &self.tables {
            let heads = std::iter::once(table.title.as_str()).chain(table.columns.iter().map(String::as_str));
            let rows =
                table.rows.iter().map(|row| std::iter::once(row.name.as_str()).chain(row.cells.iter().map(String::as_str)));
            text += "\n";
            write_table(&mut text, heads, rows);
        }
        if !self.goals.is_empty() {
            text += "\n";
            text += &goals([self]);
        }
        text
    }
}

/// The goals of some reports as one table.
#[must_use]
pub fn goals<'r>(reports: impl IntoIterator<Item = &'r Report>) -> String {
    let mut text = String::new();
    let goals: Vec<&Goal> = reports.into_iter().flat_map(|report| &report.goals).collect();
    let rows = goals.iter().map(|goal| {
        let met = if goal.met { "yes" } else { "**no**" };
        [goal.figure.as_str(), goal.goal.as_str(), goal.measured.as_str(), met].into_iter()
    });
    write_table(&mut text, ["figure", "goal", "measured", "met"].into_iter(), rows);
    text
}

fn write_table<'t>(
    text: &mut String,
    heads: impl Iterator<Item = &'t str>,
    rows: impl Iterator<Item = impl Iterator<Item = &'t str>>,
) {
    let line = |text: &mut String, cells: Vec<&str>| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
        cells.len()
    };
    let columns = line(text, heads.collect());
    let _ = writeln!(text, "|{}", "---|".repeat(columns));
    for row in rows {
        line(text, row.collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show;

    #[test]
    fn a_goal_knows_whether_it_was_met() {
        assert!(Goal::at_least("speed", 3.0, 3.0, show::times).met);
        assert!(!Goal::at_least("speed", 3.0, 2.9, show::times).met);
        assert!(Goal::at_most("size", 4.0, 4.0, show::count).met);
        assert!(!Goal::at_most("size", 4.0, f64::NAN, show::count).met);
    }

    #[test]
    fn the_report_is_a_table_with_its_command() {
        let mut report = Report::new("memory", &Settings::default(), 5);
        report.tables.push(Table {
            title: "per second".into(),
            columns: vec!["A".into()],
            rows: vec![Row { name: "ego".into(), cells: vec!["12.0".into()] }],
        });
        report.goals.push(Goal::at_least("A", 3.0, 2.0, show::times));
        let text = report.markdown();
        assert!(text.contains("--bench memory` – "), "{text}");
        assert!(text.contains("| per second | A |\n|---|---|\n| ego | 12.0 |\n"), "{text}");
        assert!(text.contains("| A | ≥ 3.00 × | 2.00 × | **no** |"), "{text}");
    }
}
