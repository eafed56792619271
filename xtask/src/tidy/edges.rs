//! Which module may name which: the layers of the two library crates.

use crate::tidy::Finding;
use crate::tidy::named::named;
use crate::tidy::source::Source;

/// What the modules below `module` may name in their own crate, beside themselves.
struct Edge {
    krate: &'static str,
    module: &'static [&'static str],
    may_name: &'static [&'static [&'static str]],
}

/// The deepest row that fits a module counts. A crate listed here needs a row for each of its modules.
const EDGES: &[Edge] = &[
    Edge { krate: "sockeye-proto", module: &["wire", "ws"], may_name: &[] },
    Edge { krate: "sockeye-proto", module: &["wire"], may_name: &[] },
    Edge { krate: "sockeye-proto", module: &["session"], may_name: &[&["wire"]] },
    Edge { krate: "sockeye", module: &["event"], may_name: &[] },
    Edge { krate: "sockeye", module: &["causes"], may_name: &[] },
    Edge { krate: "sockeye", module: &["net"], may_name: &[&["causes"]] },
    Edge { krate: "sockeye", module: &["ws"], may_name: &[&["net"]] },
    Edge { krate: "sockeye", module: &["dispatch"], may_name: &[&["event"], &["net"]] },
    Edge {
        krate: "sockeye",
        module: &["server"],
        may_name: &[&["dispatch"], &["event"], &["net"]],
    },
    // The three rooms below what a server's author imports: requests, then sessions, then groups. None names what is above it,
    // and of the author's types each names those alone that it stores or gives.
    Edge {
        krate: "sockeye",
        module: &["server", "group"],
        may_name: &[
            &["dispatch"],
            &["event"],
            &["net"],
            &["server", "extract"],
            &["server", "send"],
            &["server", "socket"],
            &["server", "welcome"],
        ],
    },
    Edge {
        krate: "sockeye",
        module: &["server", "session"],
        may_name: &[
            &["dispatch"],
            &["event"],
            &["net"],
            &["server", "address"],
            &["server", "extract"],
            &["server", "group"],
            &["server", "shared"],
            &["server", "socket"],
        ],
    },
    Edge {
        krate: "sockeye",
        module: &["server", "http"],
        may_name: &[
            &["dispatch"],
            &["event"],
            &["net"],
            &["server", "session"],
            &["server", "shared"],
            &["server", "socket"],
        ],
    },
    Edge {
        krate: "sockeye",
        module: &["client"],
        may_name: &[&["dispatch"], &["event"], &["net"]],
    },
];

/// Finds the paths that cross an edge the table does not have.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let Some((krate, module)) = source.module() else { return Vec::new() };
    let is_layered = EDGES.iter().any(|edge| edge.krate == krate);
    if !is_layered || module.is_empty() || source.is_test() {
        return Vec::new();
    }
    let fits = |edge: &&Edge| edge.krate == krate && module.starts_with(edge.module);
    let Some(edge) = EDGES.iter().filter(fits).max_by_key(|edge| edge.module.len()) else {
        let what = format!("module {} has no row in xtask/src/tidy/edges.rs", module.join("::"));
        return vec![source.finding(0, &what)];
    };
    named(&source.code, &module)
        .into_iter()
        .filter(|(_, path)| !may_name(edge, path))
        .map(|(offset, path)| {
            let (from, to) = (edge.module.join("::"), path.join("::"));
            source.finding(offset, &format!("{from} may not name crate::{to}"))
        })
        .collect()
}

fn may_name(edge: &Edge, path: &[&str]) -> bool {
    path.starts_with(edge.module) || edge.may_name.iter().any(|allowed| path.starts_with(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_one(path: &str, code: &str, expect: &[&str]) {
        assert_eq!(check(&Source::new(path, code)), expect, "{path}: {code}");
    }

    #[test]
    fn downward_edges_pass() {
        check_one("crates/sockeye-proto/src/session/mux.rs", "use crate::wire::packet;", &[]);
        check_one("crates/sockeye-proto/src/wire/prepared.rs", "use super::ws::Encoder;", &[]);
        check_one("crates/sockeye/src/server/shared.rs", "use crate::{event, net::Conn};", &[]);
        check_one(
            "crates/sockeye/src/server/http/opening.rs",
            "use crate::server::session::Place;",
            &[],
        );
        check_one("crates/sockeye/src/lib.rs", "pub use crate::server::Server;", &[]);
        check_one(
            "crates/sockeye/src/net/a.rs",
            "// crate::server\nlet s = \"crate::server\";",
            &[],
        );
        check_one("crates/sockeye-chat/src/store.rs", "use crate::page;", &[]);
    }

    #[test]
    fn every_other_edge_is_found() {
        check_one(
            "crates/sockeye-proto/src/wire/engine.rs",
            "\nuse crate::session::Session;",
            &[
                "crates/sockeye-proto/src/wire/engine.rs:2: wire may not name crate::session::Session",
            ],
        );
        check_one(
            "crates/sockeye-proto/src/wire/ws/frame.rs",
            "use super::super::engine::Kind;",
            &[
                "crates/sockeye-proto/src/wire/ws/frame.rs:1: wire::ws may not name crate::wire::engine::Kind",
            ],
        );
        check_one(
            "crates/sockeye/src/server/mod.rs",
            "use crate::client::Client;",
            &["crates/sockeye/src/server/mod.rs:1: server may not name crate::client::Client"],
        );
        check_one(
            "crates/sockeye/src/server/session/sessions.rs",
            "use super::super::http::Origins;",
            &[
                "crates/sockeye/src/server/session/sessions.rs:1: server::session may not name crate::server::http::Origins",
            ],
        );
        check_one(
            "crates/sockeye/src/dispatch/guard.rs",
            "use crate::server::Socket;",
            &[
                "crates/sockeye/src/dispatch/guard.rs:1: dispatch may not name crate::server::Socket",
            ],
        );
        check_one(
            "crates/sockeye/src/event/mod.rs",
            "use crate::Bytes;",
            &["crates/sockeye/src/event/mod.rs:1: event may not name crate::Bytes"],
        );
        check_one(
            "crates/sockeye/src/limits.rs",
            "",
            &[
                "crates/sockeye/src/limits.rs:1: module limits has no row in xtask/src/tidy/edges.rs",
            ],
        );
    }
}
