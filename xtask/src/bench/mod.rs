//! `cargo xtask bench`: the crate `sockeye-measure`, built with optimisation; and the command.

mod command;

use crate::failure::Outcome;
use crate::run::{command as program, run};

/// Measures servers, or clients or relays if that is the first word, and hands the rest on; `--help` lists what each takes.
pub(crate) fn bench(arguments: &[&str]) -> Outcome {
    let (verb, rest) = match arguments {
        ["command"] => return command::measure(),
        // What that runs itself as.
        ["bare", address, trips] => return command::bare(address, trips),
        [verb @ ("clients" | "relays"), rest @ ..] => (*verb, rest),
        rest => ("run", rest),
    };
    let build = ["run", "--release", "--quiet", "--package", "sockeye-measure", "--", verb];
    run(&mut program("cargo", build.iter().chain(rest)))
}
