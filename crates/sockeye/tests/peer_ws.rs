//! Our raw WebSocket and npm ws understand each other, in both roles, with and without compression.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use sockeye::ws::{self, Close, CloseCode, Connect, Deflate, Message, Options};
use sockeye_testkit::{Peer, PeerError, pinned};
use tokio::net::TcpListener;

/// npm's server; `None`, with the reason printed, if it is not installed.
fn server() -> Option<Peer> {
    Some(Peer::launch(pinned::node("js/ws_server.mjs")?, "listening on ").unwrap())
}

/// Ours, for one client.
async fn serve(listener: TcpListener) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let options = Options::default().deflate(Deflate::default());
    let mut socket = ws::accept_with(listener.accept().await?.0, &options).await?;
    while let Some(message) = socket.recv().await? {
        if let Message::Text(_) | Message::Binary(_) = message {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn check_client(connect: Connect) {
    let mut socket = connect.connect().await.unwrap();
    for length in [0, 1, 125, 126, 65_535, 65_536, 500_000] {
        for message in [Message::from("ä".repeat(length / 2)), vec![0xa5; length].into()] {
            socket.send(message.clone()).await.unwrap();
            assert_eq!(socket.recv().await.unwrap(), Some(message));
        }
    }
    socket.ping("?").await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some(Message::Pong("?".into())));
    socket.send("close").await.unwrap();
    let code = CloseCode::new(4001).unwrap();
    let close = Close { code, reason: "as you wish".into() };
    assert_eq!(socket.recv().await.unwrap(), Some(Message::Close(Some(close))));
    assert_eq!(socket.recv().await.unwrap(), None);
}

#[tokio::test]
async fn our_client_and_its_server() -> Result<(), PeerError> {
    let Some(mut peer) = server() else { return Ok(()) };
    check_client(Connect::new(peer.ready())).await;
    assert_eq!(peer.next_line()?, "closed 4001");
    check_client(Connect::new(peer.ready()).deflate(Deflate::default())).await;
    assert_eq!(peer.next_line()?, "closed 4001");
    Ok(())
}

#[tokio::test]
async fn our_clients_close_and_its_subprotocol() -> Result<(), PeerError> {
    let Some(mut peer) = server() else { return Ok(()) };
    let connect = Connect::new(peer.ready()).protocol("other").protocol("echo");
    let mut socket = connect.connect().await.unwrap();
    assert_eq!(socket.protocol(), Some("echo"));
    socket.close(CloseCode::GOING_AWAY, "enough").await.unwrap();
    assert_eq!(peer.next_line()?, "closed 1001 enough");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn our_server_and_its_client() -> Result<(), PeerError> {
    for compression in ["", "deflate"] {
        let Some(mut command) = pinned::node("js/ws_client.mjs") else { return Ok(()) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        command.arg(format!("ws://{}", listener.local_addr().unwrap())).arg(compression);
        let serving = tokio::spawn(serve(listener));
        let peer = Peer::launch(command, "ok")?;
        assert!(peer.finish()?.success());
        serving.await.unwrap().unwrap();
    }
    Ok(())
}
