//! One thing that was looked at, and what was seen.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::output::milliseconds;

/// One check: a line of the report.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// `None` was not reached, or makes no sense here.
    pub(crate) ok: Option<bool>,
    pub(crate) took: Duration,
    /// What was seen, for programs.
    pub(crate) evidence: Map<String, Value>,
    /// The same in a few words, for people.
    pub(crate) note: String,
}

impl Check {
    /// A check that began at this time and has just ended.
    pub(crate) fn since(name: &'static str, began: Instant, ok: bool) -> Self {
        let took = began.elapsed();
        Self { name, ok: Some(ok), took, evidence: Map::new(), note: String::new() }
    }

    /// A check that was left out, and why.
    pub(crate) fn skipped(name: &'static str, why: &str) -> Self {
        let evidence = Map::new();
        let check = Self { name, ok: None, took: Duration::ZERO, evidence, note: String::new() };
        check.with("skipped", why).note(why)
    }

    /// Adds to the evidence.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.evidence.insert(key.to_owned(), value.into());
        self
    }

    /// Says it in a few words.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// The line of JSON. Its keys are written in this order, which scripts rely on.
    pub(crate) fn json(&self) -> String {
        #[derive(Serialize)]
        struct Line<'l> {
            check: &'static str,
            ok: Option<bool>,
            ms: f64,
            evidence: &'l Map<String, Value>,
        }
        let Self { name: check, ok, took, evidence, .. } = self;
        let line = Line { check, ok: *ok, ms: milliseconds(*took), evidence };
        serde_json::to_string(&line).unwrap_or_default() // a map of values can be written
    }
}
