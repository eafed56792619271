//! Listening, in the clear or over TLS, until standard input closes.

use std::{
    io::{self, Read as _},
    net::Ipv4Addr,
    path::PathBuf,
    thread,
};

use axum::Router;
use sockeye::server::{self, serve::Tls};
use tokio::{net::TcpListener, sync::oneshot};

pub(super) async fn serve(
    router: Router,
    port: u16,
    tls: Option<&[PathBuf]>,
    ready: impl FnOnce(String),
) -> io::Result<()> {
    let tls = match tls {
        Some([cert, key]) => Some(Tls::files(cert, key).map_err(io::Error::other)?),
        _ => None,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    ready(format!("{}://{address}", if tls.is_some() { "https" } else { "http" }));
    let serving = server::serve(listener, router);
    let serving = match tls {
        Some(tls) => serving.tls(tls),
        None => serving,
    };
    tokio::select! {
        served = serving.into_future() => served.map(drop),
        () = end_of_input() => Ok(()),
    }
}

/// Whoever launched us holds our standard input open; when it closes, nobody needs us.
async fn end_of_input() {
    let (ended, end) = oneshot::channel::<()>();
    // A thread of its own: a runtime would wait for one of its blocking threads when it ends.
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        drop(ended);
    });
    let _ = end.await;
}
