//! Requests: what each wants, whether it may, and what it is answered.

mod admission;
mod body;
mod cookie;
mod door;
mod opening;
mod origins;
mod polling;
mod query;
mod refused;
mod service;
mod wish;

pub(super) use self::{
    admission::Admission,
    origins::{OriginsError, Policy as OriginPolicy},
};
pub use self::{
    body::Body,
    cookie::{Cookie, SameSite},
    origins::Origins,
    service::{ResponseFuture, Service},
};
