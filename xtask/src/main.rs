//! The chores of the workspace: test, tidy, features, autobahn, bench.

fn main() {}
