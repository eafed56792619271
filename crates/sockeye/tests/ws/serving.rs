//! WebSockets behind HTTP servers: axum, and hyper alone.

use std::net::SocketAddr;

use axum::{Router, body::Body, extract::Request, response::Response, routing::get};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sockeye::ws::{self, CloseCode, Connect, ConnectError, Deflate, Message, Options, WebSocket};
use tokio::net::TcpListener;
use tower::Service as _;

async fn shout(mut socket: WebSocket) {
    while let Ok(Some(message)) = socket.recv().await {
        if let Message::Text(text) = message
            && socket.send(text.to_uppercase()).await.is_err()
        {
            break;
        }
    }
}

async fn on_axum(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn check_shout(connect: Connect) {
    let mut socket = connect.connect().await.unwrap();
    for text in ["hello", "you"] {
        socket.send(text).await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), Some(text.to_uppercase().into()));
    }
    socket.close(CloseCode::NORMAL, "").await.unwrap();
}

#[tokio::test]
async fn a_service_is_a_route_of_axum() {
    let options = Options::default().deflate(Deflate::default()).protocols(["shout"]);
    let service = ws::service(shout).options(options);
    let address = on_axum(Router::new().route_service("/shout", service)).await;
    check_shout(Connect::new(format!("ws://{address}/shout"))).await;
    let connect = Connect::new(format!("ws://{address}/shout")).deflate(Deflate::default());
    check_shout(connect).await;
    let refused = ws::connect(format!("ws://{address}/elsewhere")).await;
    let Err(ConnectError::Status(response)) = refused else { panic!("{refused:?}") };
    assert_eq!(response.status(), 404);
}

#[tokio::test]
async fn a_handler_of_axum_may_upgrade() {
    async fn handler(mut request: Request) -> Response {
        match ws::upgrade(&mut request, &Options::default()) {
            Ok((response, upgrade)) => {
                tokio::spawn(async move { shout(upgrade.await.unwrap()).await });
                response.map(|()| Body::empty())
            }
            Err(refused) => refused.response().map(Body::from),
        }
    }
    let address = on_axum(Router::new().route("/", get(handler))).await;
    check_shout(Connect::new(format!("ws://{address}"))).await;
}

#[tokio::test]
async fn hyper_alone_is_enough() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = ws::service(shout);
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service_fn(|r| service.clone().call(r)))
            .with_upgrades()
            .await
    });
    check_shout(Connect::new(format!("ws://{address}/"))).await;
}

#[tokio::test]
async fn what_came_right_behind_the_handshake_is_not_lost() {
    use tokio::io::AsyncWriteExt as _;
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let request = b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    theirs
        .write_all(&[&request[..], b"\x81\x82\0\0\0\0hi\x81\x82\0\0\0\0ho"].concat())
        .await
        .unwrap();
    let mut socket = ws::accept(ours).await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some("hi".into()));
    assert_eq!(socket.recv().await.unwrap(), Some("ho".into()));
}
