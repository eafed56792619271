//! What a connect handler returns: welcome, with data to keep for the socket, or a refusal.

use std::{
    any::{Any, TypeId, type_name},
    sync::Arc,
};

use crate::event::Refusal;

/// A socket's own value, of the one type its connect handler returns.
pub(super) type SocketData = Arc<dyn Any + Send + Sync>;

/// What a connect handler may return.
#[diagnostic::on_unimplemented(
    message = "a connect handler can't return `{Self}`",
    note = "return `()`, or `Result<T, Refusal>`: the `T` is kept, and handlers take it as `Data<T>`"
)]
pub trait IntoWelcome {
    /// The socket's data, or the "no" that the peer gets as a CONNECT_ERROR.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: the socket may not join.
    fn into_welcome(self) -> Result<Option<Arc<dyn Any + Send + Sync>>, Refusal>;

    /// The type of the data, if there is any.
    fn data_type() -> Option<(TypeId, &'static str)>;
}

impl IntoWelcome for () {
    fn into_welcome(self) -> Result<Option<SocketData>, Refusal> {
        Ok(None)
    }

    fn data_type() -> Option<(TypeId, &'static str)> {
        None
    }
}

impl<T: Send + Sync + 'static> IntoWelcome for Result<T, Refusal> {
    fn into_welcome(self) -> Result<Option<SocketData>, Refusal> {
        self.map(|data| Some(Arc::new(data) as SocketData))
    }

    fn data_type() -> Option<(TypeId, &'static str)> {
        Some((TypeId::of::<T>(), type_name::<T>()))
    }
}
