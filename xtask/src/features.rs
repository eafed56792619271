//! `cargo xtask features`: what Sockeye can do and how it keeps to the protocol, each claim held by tests that ran.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use serde::Deserialize;

use crate::failure::{Context, Failure, Outcome};
use crate::place;
use crate::run::{OURS, capture, command};

/// Where each row that `differs` is explained.
const DEVIATIONS: &str = "docs/deviations.md";

/// A kind of claims: where they stand, the page that is made of them, and what each state asks of a row.
struct Table {
    source: &'static str,
    page: &'static str,
    title: &'static str,
    /// What one row is.
    column: &'static str,
    /// What the page begins with, before the counts.
    opening: &'static str,
    /// What the page says of its tests, behind the counts.
    held: &'static str,
    states: [(State, Needs, &'static str); 3],
}

const TABLES: [Table; 2] = [FEATURES, PROTOCOL];

const FEATURES: Table = Table {
    source: "interop/features.toml",
    page: "docs/features.md",
    title: "Features",
    column: "feature",
    opening: "",
    held: "Each that works is held by tests",
    states: [
        (State::Works, Needs::Tests, "work"),
        (State::Planned, Needs::Nothing, "are planned"),
        (State::No, Needs::Note, "are not for us"),
    ],
};

const PROTOCOL: Table = Table {
    source: "interop/protocol.toml",
    page: "docs/protocol.md",
    title: "Protocol",
    column: "rule",
    opening: "What a server can get wrong, and its clients or attackers find out. Of these rules ",
    held: "Each but the planned ones is held by tests",
    states: [
        (State::Works, Needs::Tests, "are kept"),
        (State::Differs, Needs::Deviation, "are kept in a way of our own"),
        (State::Planned, Needs::Note, "are planned"),
    ],
};

/// What a row must have besides tests that ran.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Needs {
    Nothing,
    /// A note that says why.
    Note,
    /// One test at least.
    Tests,
    /// One test at least, and a note that is the name of a row in [`DEVIATIONS`].
    Deviation,
}

/// All that a file claims.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    group: Vec<Group>,
}

/// Claims of one kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    title: String,
    rows: Vec<Claim>,
}

/// One promise, kept or not.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
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
    Differs,
    Planned,
    No,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Differs => "differs",
            Self::Planned => "planned",
            Self::No => "no",
        }
    }
}

/// Whether the peers' tests had to run too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Peers {
    Ran,
    Skipped,
}

/// How a test stands after the last run, by name.
type Tests = BTreeMap<String, bool>;

/// What claims are compared with.
struct Evidence {
    /// All tests there are.
    known: Tests,
    /// Those of the last run.
    ran: Tests,
    peers: Peers,
    /// The text of [`DEVIATIONS`].
    deviations: String,
}

/// Checks every claim against the last run, and writes the pages. Whether the peers ran as well, the test run checks.
pub(crate) fn write() -> Outcome {
    for (table, page) in checked(Peers::Skipped)? {
        fs::write(place::root().join(table.page), page)
            .context(format_args!("writing {}", table.page))?;
    }
    Ok(())
}

/// Checks every claim against the last run, and that the pages are the tables'; gives how many tests ran.
pub(crate) fn check(peers: Peers) -> Outcome<usize> {
    for (Table { source, page: path, .. }, page) in checked(peers)? {
        if place::read(&place::root().join(path))? != page {
            let text = format!("{path} is not what {source} says; run `cargo xtask features`");
            return Err(Failure::new(text));
        }
    }
    Ok(ran()?.len())
}

/// The page of each table, if no claim is wrong.
fn checked(peers: Peers) -> Outcome<Vec<(Table, String)>> {
    let deviations = place::read(&place::root().join(DEVIATIONS))?;
    let evidence = Evidence { known: known()?, ran: ran()?, peers, deviations };
    let mut pages = Vec::new();
    let mut wrong = Vec::new();
    for table in TABLES {
        let source = table.source;
        let claims = place::read(&place::root().join(source))?;
        let claims: Claims = toml::from_str(&claims).context(format_args!("reading {source}"))?;
        let findings = findings(&table, &claims, &evidence);
        if !findings.is_empty() {
            wrong.push(format!("{source} claims too much:\n{}", findings.join("\n")));
        }
        let page = page(&table, &claims);
        pages.push((table, page));
    }
    if wrong.is_empty() { Ok(pages) } else { Err(Failure::new(wrong.join("\n"))) }
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

fn findings(table: &Table, claims: &Claims, evidence: &Evidence) -> Vec<String> {
    let Evidence { known, ran, peers, deviations } = evidence;
    let mut findings = Vec::new();
    for Claim { name, state, note, tests } in claims.group.iter().flat_map(|group| &group.rows) {
        let mut find = |what: &str| findings.push(format!("{name:?}: {what}"));
        let says = state.name();
        match table.states.iter().find(|(known, ..)| known == state) {
            None => find(&format!("{says} is no state of this table")),
            Some((_, needs, _)) => {
                if matches!(needs, Needs::Tests | Needs::Deviation) && tests.is_empty() {
                    find(&format!("{says}, but no test says so"));
                }
                if *needs == Needs::Note && note.is_empty() {
                    find(&format!("{says}, but the note does not say why"));
                }
                if *needs == Needs::Deviation && !deviations.contains(&format!("\n| {note} | ")) {
                    find(&format!("{says}, but {DEVIATIONS} has no row named {note:?}"));
                }
            }
        }
        for test in tests {
            let may_skip = *peers == Peers::Skipped && test.contains("::peer_");
            match ran.get(test) {
                Some(true) => {}
                Some(false) => find(&format!("{test} failed")),
                None if !known.contains_key(test) => find(&format!("there is no test {test}")),
                None if may_skip => {}
                None => find(&format!("{test} did not run")),
            }
        }
    }
    findings
}

fn page(table: &Table, claims: &Claims) -> String {
    let Table { source, title, column, opening, held, states, .. } = table;
    let rows = || claims.group.iter().flat_map(|group| &group.rows);
    let counts = states.map(|(state, _, are)| {
        let count = rows().filter(|claim| claim.state == state).count();
        format!("{count} {are}")
    });
    let counts = counts.join(", ");
    let mut page = format!(
        "# {title}\n\n{opening}{counts}. {held}: [`{source}`](../{source}) names them, and \
         `cargo xtask features` writes this page after checking that they ran.\n",
    );
    for group in &claims.group {
        _ = write!(page, "\n## {}\n\n| {column} | state | note |\n|---|---|---|\n", group.title);
        for Claim { name, state, note, .. } in &group.rows {
            let note = match state {
                State::Differs => format!("[{note}](deviations.md)"),
                State::Works | State::Planned | State::No => note.clone(),
            };
            _ = writeln!(page, "| {name} | {} | {note} |", state.name());
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

    const DEVIATION: &str = "\n| Heartbeat | Only the pong counts. | Everything counts. |\n";

    fn claims(row: &str) -> Claims {
        toml::from_str(&format!("[[group]]\ntitle = 'T'\nrows = [{{ name = 'F', {row} }}]"))
            .unwrap()
    }

    #[track_caller]
    fn check(table: &Table, row: &str, peers: Peers, expect: &[&str]) {
        let known = ["a::peer_b good", "a::peer_b last", "a m::bad", "a m::idle", "a::peer_c idle"];
        let known = known.map(|name| (name.to_owned(), true)).into();
        let evidence =
            Evidence { known, ran: passed(JUNIT), peers, deviations: DEVIATION.to_owned() };
        assert_eq!(findings(table, &claims(row), &evidence), expect, "{row}");
    }

    #[test]
    fn a_claim_needs_tests_that_ran_and_passed() {
        let check = |row, expect: &[&str]| check(&FEATURES, row, Peers::Ran, expect);
        check("state = 'works', tests = ['a::peer_b good']", &[]);
        check("state = 'works', tests = ['a::peer_b last']", &[]);
        check("state = 'planned'", &[]);
        check("state = 'no', note = 'nobody asks for it'", &[]);
        check("state = 'works'", &["\"F\": works, but no test says so"]);
        check("state = 'no'", &["\"F\": no, but the note does not say why"]);
        check("state = 'works', tests = ['a m::bad']", &["\"F\": a m::bad failed"]);
        check("state = 'works', tests = ['a m::idle']", &["\"F\": a m::idle did not run"]);
        check("state = 'works', tests = ['a x']", &["\"F\": there is no test a x"]);
        check(
            "state = 'differs', tests = ['a::peer_b good']",
            &["\"F\": differs is no state of this table"],
        );
    }

    #[test]
    fn a_rule_that_is_kept_in_another_way_is_explained() {
        let check = |row, expect: &[&str]| check(&PROTOCOL, row, Peers::Ran, expect);
        let nowhere =
            |note| format!("\"F\": differs, but docs/deviations.md has no row named \"{note}\"");
        check("state = 'differs', note = 'Heartbeat', tests = ['a::peer_b good']", &[]);
        check("state = 'differs', note = 'Heartbeat'", &["\"F\": differs, but no test says so"]);
        for (note, row) in [
            ("Heart", "state = 'differs', note = 'Heart', tests = ['a::peer_b good']"),
            ("", "state = 'differs', tests = ['a::peer_b good']"),
        ] {
            check(row, &[&nowhere(note)]);
        }
        check("state = 'planned', note = 'with WebTransport'", &[]);
        check("state = 'planned'", &["\"F\": planned, but the note does not say why"]);
        check("state = 'no', note = 'never'", &["\"F\": no is no state of this table"]);
    }

    #[test]
    fn without_peers_their_tests_need_only_exist() {
        let check = |row, expect: &[&str]| check(&FEATURES, row, Peers::Skipped, expect);
        check("state = 'works', tests = ['a::peer_c idle']", &[]);
        check("state = 'works', tests = ['a m::idle']", &["\"F\": a m::idle did not run"]);
        check(
            "state = 'works', tests = ['a::peer_c gone']",
            &["\"F\": there is no test a::peer_c gone"],
        );
    }

    #[test]
    fn a_page_counts_its_rows_and_points_to_what_differs() {
        let row = "state = 'differs', note = 'Heartbeat', tests = ['a m::idle']";
        let page = page(&PROTOCOL, &claims(row));
        let counts = "0 are kept, 1 are kept in a way of our own, 0 are planned";
        assert!(page.starts_with("# Protocol\n") && page.contains(counts), "{page}");
        let rows = "\n## T\n\n| rule | state | note |\n|---|---|---|\n\
                    | F | differs | [Heartbeat](deviations.md) |\n";
        assert!(page.ends_with(rows), "{page}");
    }
}
