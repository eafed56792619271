//! What both comparisons are made of, that of servers and that of clients: launches, bounds, medians over rounds, tables.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

/// What to run.
#[derive(Clone, Debug)]
pub struct Options<W, K> {
    /// How often everybody has a turn.
    pub rounds: u32,
    /// Who takes part, in the order of the report's columns.
    pub who: Vec<W>,
    /// Only the cases of one kind.
    pub only: Option<K>,
    /// Small loads, to see that all works.
    pub quick: bool,
}

/// Cases that share one start of a program and one set of clients.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Launch<C> {
    /// All in the namespace `/`.
    pub(crate) clients: usize,
    /// What is measured on them, one after the other.
    pub(crate) cases: Vec<C>,
}

/// What a figure of ours must not exceed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    Bytes(f64),
    /// So many times what it is compared with.
    Times(f64),
}

/// The samples of a run: of whom, in which case, in which round.
#[derive(Clone, Debug)]
pub(crate) struct Samples<W, C, V> {
    rounds: u32,
    who: Vec<W>,
    samples: Vec<Sample<W, C, V>>,
    failures: Vec<(W, String)>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample<W, C, V> {
    /// From 0.
    pub(crate) round: u32,
    pub(crate) who: W,
    pub(crate) case: C,
    pub(crate) value: V,
}

/// A Markdown table, and remarks below it.
#[derive(Debug)]
pub(crate) struct Table {
    text: String,
    remarks: Vec<String>,
}

impl<C> Launch<C> {
    /// Leaves of these launches only the cases to be kept.
    pub(crate) fn retain(launches: &mut Vec<Self>, keep: impl Fn(&C) -> bool) {
        for launch in &mut *launches {
            launch.cases.retain(&keep);
        }
        launches.retain(|launch| !launch.cases.is_empty());
    }
}

impl Bound {
    /// Whether a median, or its ratio to what it is compared with, is too large. What is not known is not.
    pub(crate) fn is_missed(self, median: Option<f64>, ratio: Option<f64>) -> bool {
        match self {
            Self::Bytes(most) => median.is_some_and(|median| median > most),
            Self::Times(most) => ratio.is_some_and(|ratio| ratio > most),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(most) => write!(f, "{most:.0}"),
            Self::Times(most) => write!(f, "{most:.2} x"),
        }
    }
}

impl<W: Copy + PartialEq, C: Copy + PartialEq, V> Samples<W, C, V> {
    pub(crate) const fn new(rounds: u32, who: Vec<W>) -> Self {
        Self { rounds, who, samples: Vec::new(), failures: Vec::new() }
    }

    pub(crate) fn add(&mut self, round: u32, who: W, case: C, value: V) {
        self.samples.push(Sample { round, who, case, value });
    }

    pub(crate) fn failed(&mut self, who: W, why: String) {
        self.failures.push((who, why));
    }

    /// Who takes part, in order.
    pub(crate) fn who(&self) -> &[W] {
        &self.who
    }

    pub(crate) fn all(&self) -> &[Sample<W, C, V>] {
        &self.samples
    }

    /// Who failed.
    pub(crate) fn failed_ones(&self) -> impl Iterator<Item = W> {
        self.failures.iter().map(|&(who, _)| who)
    }

    /// The cases that have samples, in order of their first.
    pub(crate) fn cases(&self) -> Vec<C> {
        let mut cases = Vec::new();
        for sample in &self.samples {
            if !cases.contains(&sample.case) {
                cases.push(sample.case);
            }
        }
        cases
    }

    pub(crate) fn of(&self, case: C, who: W) -> impl Iterator<Item = &Sample<W, C, V>> {
        self.samples.iter().filter(move |it| it.case == case && it.who == who)
    }

    /// A table with a column for everybody, and these behind them.
    pub(crate) fn table(&self, title: impl Fn(W) -> &'static str, more: &[&str]) -> Table {
        let mut text = String::from("| |");
        let columns = self.who.iter().map(|&who| title(who)).chain(more.iter().copied());
        for column in columns {
            let _ = write!(text, " {column} |"); // a String takes any text
        }
        text.push_str("\n|---|");
        text.push_str(&"--:|".repeat(self.who.len() + more.len()));
        text.push('\n');
        Table { text, remarks: Vec::new() }
    }

    /// The table with what is to be known about its medians, and a line about each failure and remark.
    pub(crate) fn finish(&self, table: Table, note: &str, otherwise: Option<&str>) -> String {
        let Table { text: mut out, mut remarks } = table;
        let s = if self.rounds == 1 { "" } else { "s" };
        let _ = writeln!(out, "\nMedians of {} round{s}; {note}\n", self.rounds);
        remarks.extend(self.failures.iter().map(|(_, why)| why.clone()));
        if remarks.is_empty() {
            remarks.extend(otherwise.map(str::to_owned));
        }
        for remark in remarks {
            let _ = writeln!(out, "- {remark}");
        }
        out
    }
}

impl Table {
    pub(crate) fn row(&mut self, title: &str, cells: &[String]) {
        let _ = writeln!(self.text, "| {title} | {} |", cells.join(" | "));
    }

    pub(crate) fn remark(&mut self, remark: String) {
        self.remarks.push(remark);
    }
}

/// The cell of what could not be measured.
pub(crate) const NONE: &str = "-";

/// One JSON object per figure and line.
pub(crate) fn json_lines<F: Serialize>(figures: impl IntoIterator<Item = F>) -> String {
    let mut out = String::new();
    for figure in figures {
        // A struct of numbers and strings has a JSON form; a String takes any text.
        out.extend(serde_json::to_string(&figure));
        out.push('\n');
    }
    out
}

/// The middle value, or the mean of the two middle ones.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted[middle - 1] + upper) / 2.0)
}

/// `12345` as `12,345`.
pub(crate) fn thousands(number: u64) -> String {
    if number < 1_000 {
        return number.to_string();
    }
    format!("{},{:03}", thousands(number / 1_000), number % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (10_007, "10,007"), (1_000_000, "1,000,000")]
        {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn medians_need_no_order() {
        for (values, expect) in [
            (&[][..], None),
            (&[3.0], Some(3.0)),
            (&[9.0, 1.0, 2.0], Some(2.0)),
            (&[4.0, 1.0, 2.0, 9.0], Some(3.0)),
        ] {
            assert_eq!(median(values), expect, "median of {values:?}");
        }
    }
}
