//! Which crate may depend on which.

use std::path::PathBuf;

use toml::{Table, Value};

use crate::failure::{Context, Outcome};
use crate::place;
use crate::tidy::Finding;

/// What one crate may depend on.
struct Edge {
    krate: &'static str,
    /// Crates of the workspace.
    uses: &'static [&'static str],
    /// Crates of the workspace that its tests and examples may use in addition.
    tests_use: &'static [&'static str],
    /// Crates of others that it must do without.
    never: &'static [&'static str],
}

/// What brings a clock, randomness or input and output into a machine that must have none.
const IO: &[&str] = &["getrandom", "hyper", "rand", "rustls", "tokio", "tokio-rustls"];

const EDGES: &[Edge] = &[
    Edge { krate: "sockeye-proto", uses: &[], tests_use: &["sockeye-testkit"], never: IO },
    Edge {
        krate: "sockeye",
        uses: &["sockeye-proto"],
        tests_use: &["sockeye-echo", "sockeye-testkit"],
        never: &[],
    },
    Edge { krate: "sockeye-echo", uses: &["sockeye"], tests_use: &["sockeye-testkit"], never: &[] },
    Edge { krate: "sockeye-chat", uses: &["sockeye"], tests_use: &["sockeye-testkit"], never: &[] },
    Edge {
        krate: "sockeye-relay",
        uses: &["sockeye"],
        tests_use: &["sockeye-testkit"],
        never: &[],
    },
    Edge {
        krate: "sockeye-measure",
        uses: &["sockeye", "sockeye-proto"],
        tests_use: &["sockeye-echo", "sockeye-testkit"],
        never: &[],
    },
    Edge {
        krate: "sockeye-cli",
        uses: &["sockeye", "sockeye-chat", "sockeye-echo", "sockeye-proto", "sockeye-relay"],
        tests_use: &["sockeye-testkit"],
        never: &[],
    },
    Edge { krate: "sockeye-mistakes", uses: &[], tests_use: &["sockeye"], never: &[] },
    Edge { krate: "sockeye-testkit", uses: &["sockeye-proto"], tests_use: &[], never: &[] },
    // A server of others that the bench compares with, a client of others that tests run: nothing of ours is in them.
    Edge { krate: "interop-oxide", uses: &[], tests_use: &[], never: &[] },
    Edge {
        krate: "sockeye-fuzz",
        uses: &["sockeye", "sockeye-proto", "sockeye-testkit"],
        tests_use: &[],
        never: &[],
    },
    Edge { krate: "interop-rust-client", uses: &[], tests_use: &[], never: &[] },
    Edge { krate: "xtask", uses: &[], tests_use: &[], never: &[] },
];

/// The manifest of every crate of the workspace.
pub(crate) fn manifests() -> Outcome<Vec<PathBuf>> {
    let root = place::root();
    let mut files = Vec::new();
    for folder in ["crates", "fuzz", "interop", "xtask"] {
        files.extend(place::files(&root.join(folder))?);
    }
    files.retain(|file| file.file_name().is_some_and(|name| name == "Cargo.toml"));
    Ok(files)
}

/// Finds the dependencies of one manifest that the table does not have.
pub(crate) fn check(manifest: &str) -> Outcome<Vec<Finding>> {
    let manifest: Table = manifest.parse().context("parsing a Cargo.toml")?;
    let name = manifest.get("package").and_then(|package| package.get("name"));
    let name = name.and_then(Value::as_str).unwrap_or("?");
    let Some(edge) = EDGES.iter().find(|edge| edge.krate == name) else {
        return Ok(vec![format!("{name}: has no row in xtask/src/tidy/crates.rs")]);
    };
    let mut findings = Vec::new();
    let targets = manifest.get("target").and_then(Value::as_table);
    for table in std::iter::once(&manifest).chain(tables(targets)) {
        for (section, is_test) in
            [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
        {
            let section = table.get(section).and_then(Value::as_table);
            for dependency in section.into_iter().flat_map(Table::keys) {
                if !edge.allows(dependency, is_test) {
                    findings.push(format!("{name}: may not depend on {dependency}"));
                }
            }
        }
    }
    Ok(findings)
}

impl Edge {
    fn allows(&self, dependency: &str, is_test: bool) -> bool {
        if EDGES.iter().any(|edge| edge.krate == dependency) {
            let for_tests = is_test && self.tests_use.contains(&dependency);
            self.uses.contains(&dependency) || for_tests
        } else {
            is_test || !self.never.contains(&dependency)
        }
    }
}

fn tables(of: Option<&Table>) -> impl Iterator<Item = &Table> {
    of.into_iter().flat_map(Table::values).filter_map(Value::as_table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_one(name: &str, rest: &str, expect: &[&str]) {
        let manifest = format!("package.name = '{name}'\n{rest}");
        assert_eq!(check(&manifest).unwrap(), expect, "{manifest}");
    }

    #[test]
    fn the_table_s_edges_pass() {
        check_one("sockeye", "[dependencies]\nsockeye-proto.workspace = true\ntokio = '1'", &[]);
        check_one("sockeye", "[dev-dependencies]\nsockeye-echo.workspace = true", &[]);
        check_one("sockeye-proto", "[dev-dependencies]\nrand = '1'", &[]);
    }

    #[test]
    fn every_other_edge_is_found() {
        check_one(
            "sockeye-proto",
            "[dependencies]\nsockeye.workspace = true\ntokio = '1'",
            &["sockeye-proto: may not depend on sockeye", "sockeye-proto: may not depend on tokio"],
        );
        check_one(
            "sockeye-echo",
            "[dependencies]\nsockeye-testkit.workspace = true",
            &["sockeye-echo: may not depend on sockeye-testkit"],
        );
        check_one(
            "sockeye",
            "[target.'cfg(unix)'.dependencies]\nsockeye-cli = '1'",
            &["sockeye: may not depend on sockeye-cli"],
        );
        check_one(
            "interop-oxide",
            "[dependencies]\nsockeye-echo.workspace = true",
            &["interop-oxide: may not depend on sockeye-echo"],
        );
        check_one("sockeye-kafka", "", &["sockeye-kafka: has no row in xtask/src/tidy/crates.rs"]);
    }
}
