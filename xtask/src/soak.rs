//! `cargo xtask soak`: the crate `sockeye-measure` misbehaves towards the interop server.

use crate::failure::Outcome;
use crate::run::{command, run};

/// Hands its arguments on: `--minutes N`, 1 if none are given.
pub(crate) fn soak(arguments: &[&str]) -> Outcome {
    let build = ["run", "--quiet", "--package", "sockeye-measure", "--", "soak"];
    run(&mut command("cargo", build.iter().chain(arguments)))
}
