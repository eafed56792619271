//! The chat as a whole: a server with its namespace, and the HTTP side of it.

use std::sync::Arc;

use axum::Router;
use sockeye::server::{BuildError, Builder, Server};

use crate::{events, hall::Hall, http};

/// The namespace of the chat.
pub const NAMESPACE: &str = "/chat";

/// A chat room, ready to be served. Cheap to clone: all clones are the same chat.
///
/// # Examples
///
/// ```
/// use sockeye::server::Server;
/// use sockeye_chat::Chat;
///
/// let chat = Chat::build(Server::builder())?;
/// let app: axum::Router = chat.router();
/// # Ok::<_, sockeye::server::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Chat {
    server: Server,
}

impl Chat {
    /// Adds the namespace to a server's configuration and builds it.
    ///
    /// # Errors
    ///
    /// [`BuildError`]: the configuration is wrong, or has a namespace `/chat` of its own. The caller's to mend.
    pub fn build(builder: Builder) -> Result<Self, BuildError> {
        let hall = Arc::new(Hall::new());
        let server = builder.state(hall).namespace(NAMESPACE, events::namespace()).build()?;
        Ok(Self { server })
    }

    /// The Socket.IO server: to count, to emit, to close.
    #[must_use]
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// The HTTP side: the page, `/healthz`, and the server at its usual path.
    pub fn router(&self) -> Router {
        http::router(&self.server)
    }
}
