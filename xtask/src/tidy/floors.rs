//! The floors of the programs: which module stands above which.

use crate::tidy::Finding;
use crate::tidy::named::named;
use crate::tidy::source::Source;

/// The modules of one crate, from the ground up.
struct House {
    krate: &'static str,
    /// The module whose rooms these are; none for those of the crate.
    inside: &'static [&'static str],
    /// A module may name what stands on the floors below its own, and nothing beside or above.
    floors: &'static [&'static [&'static str]],
}

/// A crate listed here needs a place for each of its modules. The library's are in `edges.rs`, which says more.
const HOUSES: &[House] = &[
    House {
        krate: "sockeye-cli",
        inside: &[],
        floors: &[
            // The ground floor knows no command.
            &["date", "exit", "secrets"],
            &["failure"],
            &["config", "signals", "task", "values"],
            &["bind", "log", "output", "units"],
            &["trace"],
            &["reach"],
            &[
                "decode", "doctor", "emit", "generate", "listen", "pipe", "relay", "repl", "serve",
                "ws",
            ],
            &["command_line"],
        ],
    },
    // What a check finds goes to the judge as a value, and what the judge says to the report: neither knows the others.
    House {
        krate: "sockeye-cli",
        inside: &["doctor"],
        floors: &[&["report"], &["target"], &["found"], &["link"], &["checks", "judge"]],
    },
    House {
        krate: "sockeye-chat",
        inside: &[],
        floors: &[
            &["message_id", "pace", "page", "person", "shape"],
            &["http", "rules"],
            &["room"],
            &["presence", "visitor"],
            &["contract"],
            &["listing"],
            &["hall"],
            &["events"],
            &["chat"],
        ],
    },
    House {
        krate: "sockeye-relay",
        inside: &[],
        floors: &[
            &["alarm", "crash", "glob", "shell"],
            &["expression", "ingress", "queue"],
            &["delivery", "metrics"],
            &["promise", "task"],
            &["inlet", "target"],
            &["relay"],
            &["config"],
            &["explain"],
        ],
    },
    House { krate: "sockeye-echo", inside: &[], floors: &[&["host"]] },
    House {
        krate: "sockeye-measure",
        inside: &[],
        floors: &[
            &["comparison", "frame", "namespace", "process", "readiness", "server"],
            &["floor", "numbered", "order", "plan"],
            &["prepare"],
            &["load"],
            &["measure"],
            &["report"],
            &["run"],
            &["clients"],
            &["relays", "soak"],
        ],
    },
    House { krate: "sockeye-mistakes", inside: &[], floors: &[] },
    House {
        krate: "sockeye-testkit",
        inside: &[],
        floors: &[
            &["client", "heard", "link", "peer", "pinned", "proxy", "rng", "sight", "stub", "wire"],
            &["end", "http", "ledger", "matrix", "pair", "spec"],
            &["host", "host_peer", "poller", "redis_server"],
            &["crossing"],
        ],
    },
    House {
        krate: "xtask",
        inside: &[],
        floors: &[
            &["failure"],
            &["place"],
            &["run"],
            &["package", "peers", "tools"],
            &["autobahn", "bench", "crash", "features", "fuzz", "soak", "tidy"],
            &["test"],
        ],
    },
];

/// Finds the paths that lead up, or to the same floor.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let Some((krate, module)) = source.module() else { return Vec::new() };
    if source.is_test() {
        return Vec::new();
    }
    let houses = HOUSES.iter().filter(|house| house.krate == krate);
    houses.flat_map(|house| house.check(source, &module)).collect()
}

impl House {
    fn check(&self, source: &Source, module: &[&str]) -> Vec<Finding> {
        let Some(room) = self.room(module) else { return Vec::new() };
        let Some(floor) = self.floor(room) else {
            let what = format!("module {room} has no floor in xtask/src/tidy/floors.rs");
            return vec![source.finding(0, &what)];
        };
        let leads_up = |to: &str| to != room && self.floor(to).is_some_and(|other| other >= floor);
        named(&source.code, module)
            .into_iter()
            .filter(|(_, path)| self.room(path).is_some_and(leads_up))
            .map(|(offset, path)| {
                let what =
                    format!("{room} may not name crate::{}: it is not below", path.join("::"));
                source.finding(offset, &what)
            })
            .collect()
    }

    /// The room of this house that a path leads into.
    fn room<'p>(&self, path: &[&'p str]) -> Option<&'p str> {
        path.strip_prefix(self.inside)?.first().copied()
    }

    fn floor(&self, room: &str) -> Option<usize> {
        self.floors.iter().position(|floor| floor.contains(&room))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_one(path: &str, code: &str, expect: &[&str]) {
        assert_eq!(check(&Source::new(path, code)), expect, "{path}: {code}");
    }

    #[test]
    fn what_is_below_may_be_named() {
        check_one("crates/sockeye-cli/src/emit/mod.rs", "use crate::reach::Session;", &[]);
        check_one("crates/sockeye-cli/src/emit/mod.rs", "use super::emit::program;", &[]);
        check_one("crates/sockeye-cli/src/main.rs", "use crate::command_line::Command;", &[]);
        check_one("crates/sockeye/src/server/mod.rs", "use crate::client;", &[]);
    }

    #[test]
    fn what_is_beside_or_above_is_found() {
        check_one(
            "crates/sockeye-cli/src/failure.rs",
            "\nuse crate::reach::Trouble;",
            &[
                "crates/sockeye-cli/src/failure.rs:2: failure may not name crate::reach::Trouble: it is not below",
            ],
        );
        check_one(
            "xtask/src/fuzz.rs",
            "use crate::{run, soak};",
            &["xtask/src/fuzz.rs:1: fuzz may not name crate::soak: it is not below"],
        );
        // And so in the rooms of one module.
        check_one(
            "crates/sockeye-cli/src/doctor/judge/tls.rs",
            "use crate::doctor::found::F;",
            &[],
        );
        check_one(
            "crates/sockeye-cli/src/doctor/judge/tls.rs",
            "use crate::{doctor::checks, reach};",
            &[
                "crates/sockeye-cli/src/doctor/judge/tls.rs:1: judge may not name crate::doctor::checks: it is not below",
            ],
        );
        check_one(
            "crates/sockeye-chat/src/upload.rs",
            "",
            &[
                "crates/sockeye-chat/src/upload.rs:1: module upload has no floor in xtask/src/tidy/floors.rs",
            ],
        );
    }
}
