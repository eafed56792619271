//! Each mistake in the folder beside has the compiler's words beside it: they name what is wrong, and what to do.
//!
//! The compiler is somebody else's program, and others of its versions word things otherwise: the words are compared where
//! it is the one that Sockeye asks for. `TRYBUILD=overwrite` writes them anew.
#![allow(clippy::expect_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stderr, reason = "a skipped test says why")]

use std::{env, process::Command};

#[test]
fn a_mistake_is_named_and_what_to_do_instead() {
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("a compiler");
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    if !version.starts_with(&format!("rustc {wanted}.")) {
        eprintln!("skipped: the words are those of rustc {wanted}, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/mistakes/*.rs");
}
