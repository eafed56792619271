//! `cargo xtask crash`: kills relays until the table of their promises is proven, or broken.
//!
//! The work is a test of the command, `peer_relay_crash`, that a plain test run leaves out.

use crate::failure::{Failure, Outcome};
use crate::run::{command, run};
use crate::{peers, tools};

const USAGE: &str = "\
Usage: cargo xtask crash [--runs N] [--seed S]
       cargo xtask crash --compare

  --runs N   as many deaths, at stages, modes, stores and moments drawn from the seed; 1000 if not given
  --seed S   where the drawing begins; a failure names the seed that repeats it alone, with --runs 1
  --compare  ten restarts under the program of interop/py/first_user.py and under the relay: tasks lost and doubled by each";

/// Builds the command, installs the peers, and lets it die.
pub(crate) fn crash(arguments: &[&str]) -> Outcome {
    let (mut runs, mut seed, mut test) = ("1000", None, "matrix::long");
    let mut rest = arguments;
    while let [flag, more @ ..] = rest {
        rest = match (*flag, more) {
            ("--compare", more) => {
                test = "compare::ten_restarts";
                more
            }
            ("--runs", [number, more @ ..]) => {
                runs = number;
                more
            }
            ("--seed", [number, more @ ..]) => {
                seed = Some(number);
                more
            }
            _ => return Err(Failure::new(USAGE)),
        };
    }
    let numbers = std::iter::once(&runs).chain(seed);
    if let Some(odd) = numbers.into_iter().find(|number| number.parse::<u64>().is_err()) {
        return Err(Failure::new(format!("{odd} is not a number\n{USAGE}")));
    }
    tools::for_peers()?;
    peers::packages()?;
    let build = ["test", "--package", "sockeye-cli", "--test", "peer_relay_crash", "--"];
    let only = ["--ignored", "--exact", "--nocapture", test];
    let mut tests = command("cargo", build.iter().chain(&only));
    tests.env("SOCKEYE_PEERS", "required").env("SOCKEYE_CRASH_RUNS", runs);
    if let Some(seed) = seed {
        tests.env("SOCKEYE_CRASH_SEED", seed);
    }
    run(&mut tests)
}
