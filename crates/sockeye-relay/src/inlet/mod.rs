//! How tasks come in: by lines, and by HTTP. Both read each before it is put, and say so only once it is in the store.

pub mod http;
mod lines;
mod reading;
pub mod stdin;

use std::sync::Arc;

pub use reading::Reading;
use uuid::Uuid;

/// An id that no other task has; later ones are greater.
fn new_id() -> Arc<str> {
    Uuid::now_v7().to_string().into()
}
