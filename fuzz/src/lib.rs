//! What the fuzz targets share; each target is a file in `src/bin` and says what must hold for any input.

mod deflate;
mod hostile;
mod oracle;
mod owner;
mod requests;
mod said;
mod script;
mod value;

pub use deflate::agreements;
pub use hostile::play;
pub use oracle::Oracle;
pub use owner::Owner;
pub use said::{Said, read, write};
pub use script::Script;
pub use value::same_in_javascript;
