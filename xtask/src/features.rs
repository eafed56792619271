//! `cargo xtask features`: what Sockeye can do, each claim held by tests that ran.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use serde::Deserialize;

use crate::failure::{Context, Failure, Outcome};
use crate::place;
use crate::run::{capture, command};
use crate::test::OURS;

const TABLE: &str = "interop/features.toml";
const PAGE: &str = "docs/features.md";

/// The whole table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Features {
    group: Vec<Group>,
}

/// Features of one kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    title: String,
    rows: Vec<Feature>,
}

/// One promise, kept or not.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    name: String,
    state: State,
    /// Why not, or what to know about it.
    #[serde(default)]
    note: String,
    /// The tests that hold it, as the runner prints them: `package::binary path::of::test`.
    #[serde(default)]
    tests: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum State {
    Works,
    Planned,
    No,
}

/// Whether the peers' tests had to run too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Peers {
    Ran,
    Skipped,
}

/// How a test stands after the last run, by name.
type Tests = BTreeMap<String, bool>;

/// Checks every claim against the last run, and writes the page.
pub(crate) fn write() -> Outcome {
    let page = checked(Peers::Ran)?;
    fs::write(place::root().join(PAGE), page).context(format_args!("writing {PAGE}"))
}

/// Checks every claim against the last run, and that the page is the table's.
pub(crate) fn check(peers: Peers) -> Outcome {
    let page = checked(peers)?;
    if place::read(&place::root().join(PAGE))? == page {
        return Ok(());
    }
    Err(Failure::new(format!("{PAGE} is not what {TABLE} says; run `cargo xtask features`")))
}

fn checked(peers: Peers) -> Outcome<String> {
    let table = place::read(&place::root().join(TABLE))?;
    let features: Features = toml::from_str(&table).context(format_args!("reading {TABLE}"))?;
    let findings = findings(&features, &known()?, &ran()?, peers);
    if findings.is_empty() {
        return Ok(page(&features));
    }
    Err(Failure::new(format!("{TABLE} claims too much:\n{}", findings.join("\n"))))
}

/// All tests there are.
fn known() -> Outcome<Tests> {
    #[derive(Deserialize)]
    struct List {
        #[serde(rename = "rust-suites")]
        suites: BTreeMap<String, Suite>,
    }
    #[derive(Deserialize)]
    struct Suite {
        testcases: BTreeMap<String, serde::de::IgnoredAny>,
    }
    let list = ["nextest", "list", "--message-format", "json"];
    let list = capture(command("cargo", list).args(OURS))?;
    let list: List = serde_json::from_str(&list).context("reading the list of tests")?;
    let names = list.suites.into_iter().flat_map(|(binary, suite)| {
        suite.testcases.into_keys().map(move |test| (format!("{binary} {test}"), true))
    });
    Ok(names.collect())
}

/// The tests of the last run, and whether they passed.
fn ran() -> Outcome<Tests> {
    Ok(passed(&place::read(&place::target().join("nextest/default/junit.xml"))?))
}

/// Reads the runner's report; names of tests need no unescaping.
fn passed(junit: &str) -> Tests {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let cases = junit.split("<testcase").skip(1);
    cases
        .filter_map(|case| {
            // What follows the last case of a suite is the tag of the next suite, which has a name too.
            let (tag, body) = case.split_once('>')?;
            let (binary, test) = (attribute(tag, "classname")?, attribute(tag, "name")?);
            let failed = body.contains("<failure") || body.contains("<error");
            Some((format!("{binary} {test}"), !failed))
        })
        .collect()
}

fn findings(features: &Features, known: &Tests, ran: &Tests, peers: Peers) -> Vec<String> {
    let mut findings = Vec::new();
    for feature in features.group.iter().flat_map(|group| &group.rows) {
        let name = &feature.name;
        match feature.state {
            State::Works if feature.tests.is_empty() => {
                findings.push(format!("{name:?}: works, but no test says so"));
            }
            State::No if feature.note.is_empty() => {
                findings.push(format!("{name:?}: no, but the note does not say why"));
            }
            State::Works | State::Planned | State::No => {}
        }
        for test in &feature.tests {
            let may_skip = peers == Peers::Skipped && test.contains("::peer_");
            match ran.get(test) {
                Some(true) => {}
                Some(false) => findings.push(format!("{name:?}: {test} failed")),
                None if !known.contains_key(test) => {
                    findings.push(format!("{name:?}: there is no test {test}"));
                }
                None if may_skip => {}
                None => findings.push(format!("{name:?}: {test} did not run")),
            }
        }
    }
    findings
}

fn page(features: &Features) -> String {
    let rows = || features.group.iter().flat_map(|group| &group.rows);
    let count = |state: State| rows().filter(|feature| feature.state == state).count();
    let mut page = format!(
        "# Features\n\n{} work, {} are planned, {} are not for us. Each that works is held by tests: \
         [`{TABLE}`](../{TABLE}) names them, and `cargo xtask features` writes this page after \
         checking that they ran.\n",
        count(State::Works),
        count(State::Planned),
        count(State::No),
    );
    for group in &features.group {
        _ = write!(page, "\n## {}\n\n| feature | state | note |\n|---|---|---|\n", group.title);
        for Feature { name, state, note, .. } in &group.rows {
            let state = match state {
                State::Works => "works",
                State::Planned => "planned",
                State::No => "no",
            };
            _ = writeln!(page, "| {name} | {state} | {note} |");
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUNIT: &str = r#"<testsuites><testsuite name="a::peer_b">
        <testcase name="good" classname="a::peer_b" time="0.1"></testcase>
        <testcase name="last" classname="a::peer_b" time="0.1"/>
    </testsuite><testsuite name="a" errors="0" failures="1">
        <testcase name="m::bad" classname="a" time="0.1"><failure message="no"/></testcase>
    </testsuite></testsuites>"#;

    #[track_caller]
    fn check(row: &str, peers: Peers, expect: &[&str]) {
        let table = format!("[[group]]\ntitle = 'T'\nrows = [{{ name = 'F', {row} }}]");
        let features = toml::from_str(&table).unwrap();
        let known = ["a::peer_b good", "a::peer_b last", "a m::bad", "a m::idle", "a::peer_c idle"];
        let known = known.map(|name| (name.to_owned(), true)).into();
        assert_eq!(findings(&features, &known, &passed(JUNIT), peers), expect, "{row}");
    }

    #[test]
    fn a_claim_needs_tests_that_ran_and_passed() {
        check("state = 'works', tests = ['a::peer_b good']", Peers::Ran, &[]);
        check("state = 'works', tests = ['a::peer_b last']", Peers::Ran, &[]);
        check("state = 'planned'", Peers::Ran, &[]);
        check("state = 'no', note = 'nobody asks for it'", Peers::Ran, &[]);
        check("state = 'works'", Peers::Ran, &["\"F\": works, but no test says so"]);
        check("state = 'no'", Peers::Ran, &["\"F\": no, but the note does not say why"]);
        check("state = 'works', tests = ['a m::bad']", Peers::Ran, &["\"F\": a m::bad failed"]);
        check(
            "state = 'works', tests = ['a m::idle']",
            Peers::Ran,
            &["\"F\": a m::idle did not run"],
        );
        check("state = 'works', tests = ['a x']", Peers::Ran, &["\"F\": there is no test a x"]);
    }

    #[test]
    fn without_peers_their_tests_need_only_exist() {
        check("state = 'works', tests = ['a::peer_c idle']", Peers::Skipped, &[]);
        check(
            "state = 'works', tests = ['a m::idle']",
            Peers::Skipped,
            &["\"F\": a m::idle did not run"],
        );
        check(
            "state = 'works', tests = ['a::peer_c gone']",
            Peers::Skipped,
            &["\"F\": there is no test a::peer_c gone"],
        );
    }
}
