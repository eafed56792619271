//! The chores of the workspace: test, tidy, features, autobahn, fuzz, bench, crash, package, soak.

// A chore talks to the person who started it; there is no other output.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod autobahn;
mod bench;
mod crash;
mod failure;
mod features;
mod fuzz;
mod package;
mod peers;
mod place;
mod run;
mod soak;
mod test;
mod tidy;
mod tools;

use std::env;
use std::process::ExitCode;

use crate::failure::{Failure, Outcome};

const USAGE: &str = "\
Usage: cargo xtask CHORE

  test [--quick]   install what the tests need and run them all; --quick runs what needs no peers
  tidy             check import edges, crate edges, file heads, file lengths and forbidden words
  features         check that the tests of every feature and rule ran, and write their pages in docs/
  autobahn [--quick]  run the WebSocket test suite on our server and client, and write docs/autobahn.md
  fuzz [TARGET] [--seconds N]  run the fuzz targets for a minute each, or so many seconds; TARGET FILE replays an input
  bench [--quick]  measure memory and CPU beside other servers; --help lists what else it takes
  bench clients [--quick]
                   the same beside other clients
  bench relays [--quick]
                   time, CPU and memory of the relay beside a bare loop and two programs in Python
  bench command    measure the size of the command, how fast it starts, and what it costs beside bare sockets
  crash [--runs N]  kill relays a thousand times, or N, and compare what was lost and doubled with what they promise
  package          build every published crate from its own tarball
  soak [--minutes N]  let clients and servers misbehave for a minute, or N, and see that ours keep nothing of them";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[&str]) -> Outcome {
    match arguments {
        ["test"] => test::all(),
        ["test", "--quick"] => test::quick(),
        ["bench", rest @ ..] => bench::bench(rest),
        ["crash", rest @ ..] => crash::crash(rest),
        ["autobahn"] => autobahn::check(false).map(drop),
        ["autobahn", "--quick"] => autobahn::check(true).map(drop),
        ["fuzz", rest @ ..] => fuzz::fuzz(rest),
        ["features"] => features::write(),
        ["tidy"] => tidy::check(),
        ["package"] => package::build(),
        ["soak", rest @ ..] => soak::soak(rest),
        _ => Err(Failure::new(USAGE)),
    }
}
