//! As `printed.rs`, with the options that it does not have; only built.

#![allow(clippy::print_stdout)] // this is how it talks

include!("../tests/as/others.rs.txt");
