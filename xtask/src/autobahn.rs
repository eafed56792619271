//! `cargo xtask autobahn`: the WebSocket test suite against our server and our client.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

use crate::failure::{Context, Failure, Outcome};
use crate::place;
use crate::run::{OURS, capture, command, run};
use crate::{peers, tools};

const PAGE: &str = "docs/autobahn.md";

/// The cases that judge nothing: the suite itself calls any outcome informational.
const INFORMATIONAL: &[&str] = &["7.1.6", "7.13.1", "7.13.2"];

/// What one case says about one of our sides.
#[derive(Debug, Deserialize)]
struct Verdict {
    case: String,
    behavior: String,
    close: String,
    why: String,
    /// Faults in our own frames and handshake, which the suite itself does not look at.
    breaches: Vec<String>,
}

/// Runs all cases and writes the page, or the quick choice and no page; gives their number, both roles together.
pub(crate) fn check(quick: bool) -> Outcome<usize> {
    tools::for_peers()?;
    peers::install()?;
    run(command(python(), ["-m", "unittest"]).current_dir(place::root().join("interop/autobahn")))?;
    let mut build =
        command("cargo", ["build", "--example", "ws_echo", "--example", "ws_echo_client"]);
    let profile = if quick {
        // What the tests have built already, in the same selection of crates.
        build.args(OURS);
        "debug"
    } else {
        // All of the compressed cases move gigabytes.
        build.args(["--release", "--package", "sockeye"]);
        "release"
    };
    run(&mut build)?;
    let examples = place::target().join(profile).join("examples");

    let server = Server::start(command(examples.join("ws_echo"), ["--port", "0", "--deflate"]))?;
    let server_verdicts = verdicts(quick, &["server", &server.url])?;
    drop(server);
    let client = examples.join("ws_echo_client");
    let client_verdicts = verdicts(quick, &["client", &client.to_string_lossy(), "--deflate"])?;

    let roles = [("server", server_verdicts), ("client", client_verdicts)];
    let findings: Vec<String> =
        roles.iter().flat_map(|(role, verdicts)| findings(role, verdicts)).collect();
    if !quick {
        let page = place::root().join(PAGE);
        fs::write(&page, table(&roles)).context(format_args!("writing {PAGE}"))?;
    }
    for (role, verdicts) in &roles {
        eprintln!("autobahn: {} cases of our {role}", verdicts.len());
    }
    let cases = roles.iter().map(|(_, verdicts)| verdicts.len()).sum();
    if findings.is_empty() { Ok(cases) } else { Err(Failure::new(findings.join("\n"))) }
}

fn python() -> std::path::PathBuf {
    place::target().join("venv/bin/python")
}

fn verdicts(quick: bool, role: &[&str]) -> Outcome<Vec<Verdict>> {
    let mut driver = command(python(), ["interop/autobahn/run.py"]);
    driver.args(quick.then_some("--quick")).args(role);
    let lines = capture(&mut driver)?;
    let verdicts = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Verdict>, _>>();
    let mut verdicts = verdicts.context("reading the verdicts of interop/autobahn/run.py")?;
    // A run that did nothing would have nothing to complain about.
    if verdicts.len() < 301 {
        return Err(Failure::new(format!("only {} cases ran as {}", verdicts.len(), role[0])));
    }
    verdicts.sort_by_key(|verdict| numbers(&verdict.case));
    Ok(verdicts)
}

/// What keeps a run from being as good as it can be, one line each.
fn findings(role: &str, verdicts: &[Verdict]) -> Vec<String> {
    let mut findings = Vec::new();
    for verdict in verdicts {
        let Verdict { case, behavior, close, why, breaches } = verdict;
        if kind(verdict) > Kind::Informational {
            findings.push(format!("{role} {case}: {behavior}, closing {close}: {why}"));
        }
        findings.extend(breaches.iter().map(|breach| format!("{role} {case}: sent {breach}")));
    }
    findings
}

/// How a case went, from best to worst.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Kind {
    Ok,
    Informational,
    NonStrict,
    Failed,
}

fn kind(verdict: &Verdict) -> Kind {
    match (verdict.behavior.as_str(), verdict.close.as_str()) {
        ("INFORMATIONAL", "OK" | "INFORMATIONAL")
            if INFORMATIONAL.contains(&verdict.case.as_str()) =>
        {
            Kind::Informational
        }
        ("OK", "OK" | "INFORMATIONAL") => Kind::Ok,
        ("NON-STRICT" | "INFORMATIONAL", "OK" | "INFORMATIONAL") => Kind::NonStrict,
        _ => Kind::Failed,
    }
}

/// The page: per role and category, how many cases went how.
fn table(roles: &[(&str, Vec<Verdict>)]) -> String {
    let mut page = String::from(
        "# Autobahn\n\nThe WebSocket conformance suite (PyPI `kosoku`) against `--example ws_echo` and \
         `--example ws_echo_client`, both with permessage-deflate. Every frame and handshake that we \
         sent was checked too. Written by `cargo xtask autobahn`.\n\n\
         | role | category | OK | informational | non-strict | failed |\n|---|---|--:|--:|--:|--:|\n",
    );
    for (role, verdicts) in roles {
        let mut counts: BTreeMap<Vec<u32>, [usize; 4]> = BTreeMap::new();
        for verdict in verdicts {
            let category = numbers(&verdict.case).into_iter().take(1).collect();
            counts.entry(category).or_default()[kind(verdict) as usize] += 1;
        }
        for (category, [ok, informational, non_strict, failed]) in &counts {
            let name = category.first().map_or("", |number| name(*number));
            _ = writeln!(
                page,
                "| {role} | {name} | {ok} | {informational} | {non_strict} | {failed} |"
            );
        }
        let total = |kind: Kind| counts.values().map(|of| of[kind as usize]).sum::<usize>();
        let [ok, informational, non_strict, failed] =
            [Kind::Ok, Kind::Informational, Kind::NonStrict, Kind::Failed].map(total);
        _ = writeln!(
            page,
            "| **{role}** | **all** | {ok} | {informational} | {non_strict} | {failed} |"
        );
    }
    _ = write!(
        page,
        "\nInformational by design are {}: the suite has no opinion about them.\n",
        INFORMATIONAL.join(", ")
    );
    let findings: Vec<String> =
        roles.iter().flat_map(|(role, verdicts)| findings(role, verdicts)).collect();
    if !findings.is_empty() {
        _ = write!(page, "\n## Not as it should be\n\n- {}\n", findings.join("\n- "));
    }
    page
}

fn name(category: u32) -> &'static str {
    match category {
        1 => "1 framing",
        2 => "2 pings and pongs",
        3 => "3 reserved bits",
        4 => "4 opcodes",
        5 => "5 fragmentation",
        6 => "6 UTF-8",
        7 => "7 closing",
        9 => "9 limits and performance",
        10 => "10 auto-fragmentation",
        12 => "12 compression: payloads",
        13 => "13 compression: parameters",
        _ => "other",
    }
}

fn numbers(case: &str) -> Vec<u32> {
    case.split('.').filter_map(|part| part.parse().ok()).collect()
}

/// Our echo server, ended when dropped.
#[derive(Debug)]
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(mut program: Command) -> Outcome<Self> {
        let starting = "starting ws_echo";
        let mut child =
            program.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context(starting)?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).context(starting)?;
        }
        let server = Self { child, url: line.trim().replacen("listening on ", "", 1) };
        if server.url.contains("://") {
            Ok(server)
        } else {
            Err(Failure::new(format!("ws_echo said {line:?}, not `listening on URL`")))
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which the verdicts show.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(case: &str, behavior: &str, close: &str) -> Verdict {
        let text = str::to_owned;
        Verdict {
            case: text(case),
            behavior: text(behavior),
            close: text(close),
            why: text("why"),
            breaches: Vec::new(),
        }
    }

    #[test]
    fn only_the_best_verdicts_pass() {
        let check = |case, behavior, close, expect| {
            assert_eq!(kind(&verdict(case, behavior, close)), expect, "{case} {behavior} {close}");
        };
        check("1.1.1", "OK", "OK", Kind::Ok);
        check("7.1.6", "INFORMATIONAL", "INFORMATIONAL", Kind::Informational);
        check("1.1.1", "INFORMATIONAL", "OK", Kind::NonStrict);
        check("6.4.1", "NON-STRICT", "OK", Kind::NonStrict);
        check("1.1.1", "OK", "UNCLEAN", Kind::Failed);
        check("1.1.1", "FAILED", "OK", Kind::Failed);
        check("1.1.1", "UNIMPLEMENTED", "OK", Kind::Failed);
        check("1.1.1", "NO VERDICT", "NO VERDICT", Kind::Failed);
    }

    #[test]
    fn a_breach_counts_even_if_the_case_went_well() {
        let mut good = verdict("1.1.1", "OK", "OK");
        assert_eq!(findings("server", &[good]), [""; 0]);
        good = verdict("1.1.1", "OK", "OK");
        good.breaches.push("frame 1: a masked frame".to_owned());
        assert_eq!(findings("server", &[good]), ["server 1.1.1: sent frame 1: a masked frame"]);
    }

    #[test]
    fn the_page_counts_by_category() {
        let verdicts = vec![verdict("1.1.1", "OK", "OK"), verdict("12.1.1", "FAILED", "OK")];
        let page = table(&[("server", verdicts)]);
        assert!(page.contains("| server | 1 framing | 1 | 0 | 0 | 0 |\n"), "{page}");
        assert!(page.contains("| **server** | **all** | 1 | 0 | 0 | 1 |\n"), "{page}");
        assert!(page.contains("- server 12.1.1: FAILED"), "{page}");
    }
}
