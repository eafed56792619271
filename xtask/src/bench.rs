//! `cargo xtask bench`: the crate `sockeye-bench`, built with optimisation.

use crate::failure::Outcome;
use crate::run::{command, run};

/// Measures servers, or clients if that is the first word, and hands the rest on; `--help` lists what each takes.
pub(crate) fn bench(arguments: &[&str]) -> Outcome {
    let (verb, rest) = match arguments {
        ["clients", rest @ ..] => ("clients", rest),
        rest => ("run", rest),
    };
    let build = ["run", "--release", "--quiet", "--package", "sockeye-bench", "--", verb];
    run(&mut command("cargo", build.iter().chain(rest)))
}
