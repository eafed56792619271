//! `cargo xtask bench`: the crate `sockeye-bench`, built with optimisation.

use crate::failure::Outcome;
use crate::run::{command, run};

/// Hands its arguments on; `cargo xtask bench --help` lists them.
pub(crate) fn bench(arguments: &[&str]) -> Outcome {
    let build = ["run", "--release", "--quiet", "--package", "sockeye-bench", "--", "run"];
    run(&mut command("cargo", build.iter().chain(arguments)))
}
