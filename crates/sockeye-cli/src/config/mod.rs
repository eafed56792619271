//! Where settings come from: flags, else environment, else file, else default.
//!
//! A setting has one name. `ping-interval` is the flag `--ping-interval`, the variable `SOCKEYE_PING_INTERVAL` and the
//! key `ping-interval` of the file; and one way to be written, the same in all three.

mod error;
mod file;
mod layers;
mod setting;

pub(crate) use error::ConfigError;
pub(crate) use layers::{Effective, Layers};
pub(crate) use setting::{Expected, PathSetting, Setting, words};
