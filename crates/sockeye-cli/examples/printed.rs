//! The program that a test lets `sockeye emit --as rust` print, built so that the test can run it.

#![allow(clippy::print_stdout)] // this is how it talks

include!("../tests/as/printed.rs.txt");
