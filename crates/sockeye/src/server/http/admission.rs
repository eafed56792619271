//! The application's word on new sessions, asked before there is one.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time;

use crate::{
    dispatch::guard,
    event::{Refusal, Running},
    server::socket::Handshake,
};

type Verdict = Running<Result<(), Refusal>>;

/// What [`Builder::allow_request`](crate::server::Builder::allow_request) was given.
pub(crate) struct Admission(Box<dyn Fn(Arc<Handshake>) -> Verdict + Send + Sync>);

/// Why a session may not be opened.
#[derive(Debug)]
pub(super) enum Denied {
    /// The application says so.
    Refused(Refusal),
    /// The application has no answer: it panicked, or took too long.
    Failed,
}

impl Admission {
    pub(crate) fn new<F, Fut>(ask: F) -> Self
    where
        F: Fn(Arc<Handshake>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        Self(Box::new(move |handshake| Box::pin(ask(handshake))))
    }

    /// Asks. What goes wrong in there costs this one request.
    pub(super) async fn ask(
        &self,
        handshake: Arc<Handshake>,
        patience: Duration,
    ) -> Result<(), Denied> {
        let asked = guard::run(|| (self.0)(handshake));
        match time::timeout(patience, asked).await {
            Ok(Ok(verdict)) => verdict.map_err(Denied::Refused),
            Ok(Err(panicked)) => {
                tracing::error!(panic = panicked.text(), "allow_request panicked");
                Err(Denied::Failed)
            }
            Err(_) => {
                tracing::error!(?patience, "allow_request did not answer; the request is refused");
                Err(Denied::Failed)
            }
        }
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admission")
    }
}
