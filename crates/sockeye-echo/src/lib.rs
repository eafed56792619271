//! The interop server of Sockeye's tests and benches.
