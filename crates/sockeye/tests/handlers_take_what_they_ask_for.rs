//! What handlers and the rest of the application can learn of a socket: names of events, the opening request, data.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use axum::Router;
use bytes::Bytes;
use common::serve;
use serde::Deserialize;
use sockeye::{
    event::{Ack, Args, EventName, RawArgs, Refusal, Reject},
    server::{Auth, Namespace, PacketLimits, Server, Socket},
    ws::{self, WebSocket},
};
use sockeye_testkit::client::Client;
use tokio::net::TcpListener;

#[tokio::test]
async fn events_without_a_handler_of_their_own_go_to_the_one_for_any() {
    let own = async || Ack("own");
    let any = async |EventName(name): EventName, args: RawArgs| Ack((name, args.text().to_owned()));
    let namespace = Namespace::new().on("own", own).on_any(any);
    let server = Server::builder().namespace("/", namespace).build().unwrap();
    let mut client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
    for (event, expect) in
        [("own", r#""own""#), ("other", r#""other","[1]""#), ("7", r#""7","[1]""#)]
    {
        assert_eq!(client.call_raw(event, &([1],)).await.unwrap().args_text(), expect);
    }
}

#[tokio::test]
async fn arguments_stand_anywhere_among_the_parameters_and_one_needs_no_tuple() {
    #[derive(Deserialize)]
    struct Point {
        x: u8,
    }
    let namespace = Namespace::new()
        .on("first", async |Args((a, b)): Args<(u8, u8)>, _: Socket| Ack(a + b))
        .on("text", async |Args(text): Args<String>| Ack(text))
        .on("object", async |_: Socket, Args(point): Args<Point>| Ack(point.x))
        .on("list", async |Args(list): Args<Vec<u8>>| Ack(list.len()));
    let server = Server::builder().namespace("/", namespace).build().unwrap();
    let mut client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
    assert_eq!(client.call::<u8>("first", &(1, 2)).await.unwrap(), 3);
    assert_eq!(client.call::<String>("text", &("one", "two")).await.unwrap(), "one");
    let point = serde_json::json!({ "x": 7 });
    assert_eq!(client.call::<u8>("object", &(point,)).await.unwrap(), 7);
    assert_eq!(client.call::<u8>("list", &([1, 2, 3],)).await.unwrap(), 3);
}

#[tokio::test]
async fn what_does_not_fit_is_taken_as_an_option_or_a_result() {
    let option = async |number: Option<Args<u8>>| Ack(number.map(|Args(number)| number));
    let result = async |number: Result<Args<u8>, Reject>| match number {
        Ok(Args(number)) => Ok(Ack(number)),
        Err(Reject::Args(why)) => {
            Err(Refusal::new("a number, please").code(format!("{}", why.len())))
        }
        Err(_) => Err(Refusal::new("never")),
    };
    let namespace = Namespace::new().on("option", option).on("result", result);
    let server = Server::builder().namespace("/", namespace).build().unwrap();
    let mut client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
    for (event, argument, expect) in [
        ("option", "7", "7"),
        ("option", r#""seven""#, "null"),
        ("option", "700", "null"),
        ("result", "7", "7"),
    ] {
        let argument: serde_json::Value = serde_json::from_str(argument).unwrap();
        let answer = client.call_raw(event, &(&argument,)).await.unwrap();
        assert_eq!(answer.args_text(), expect, "{event} {argument}");
    }
    let refused = client.call_raw("result", &("seven",)).await.unwrap();
    let refused: (serde_json::Value,) = refused.deserialize().unwrap();
    assert_eq!(refused.0["error"]["message"], "a number, please");
    // A code may be made when it is needed.
    assert!(refused.0["error"]["code"].as_str().unwrap().parse::<usize>().unwrap() > 0);
}

#[tokio::test]
async fn a_number_is_a_name_too() {
    let seven = async |socket: Socket| drop(socket.emit("seven", ()));
    let namespace = Namespace::new().on("7", seven);
    let server = Server::builder().namespace("/", namespace).build().unwrap();
    let mut client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
    client.send_text("42[7]").await.unwrap();
    assert_eq!(client.event().await.unwrap().name, "seven");
}

#[tokio::test]
async fn the_application_says_how_many_attachments_a_packet_may_have() {
    let count = async |args: RawArgs| Ack(args.len());
    let limits = PacketLimits { max_attachments: 20, ..PacketLimits::default() };
    for (limits, taken, refused) in [(PacketLimits::default(), 10, 11), (limits, 20, 21)] {
        let builder = Server::builder().packet_limits(limits);
        let server = builder.namespace("/", Namespace::new().on("count", count)).build().unwrap();
        let mut client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
        let files = vec![Bytes::from_static(b"x"); taken];
        assert_eq!(client.call::<usize>("count", &(files,)).await.unwrap(), 1);
        client.send_text(&format!(r#"45{refused}-["count"]"#)).await.unwrap();
        client.closed().await.unwrap();
        assert_eq!(client.close_frame().map(|(code, _)| code), Some(1002));
    }
}

#[tokio::test]
async fn the_opening_request_is_kept_if_wanted() {
    for keep in [true, false] {
        let builder = Server::builder().keep_handshake(keep).namespace("/", Namespace::new());
        let server = builder.build().unwrap();
        let _client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
        let socket = server.of("/").local_sockets().remove(0);
        let handshake = socket.handshake();
        assert_eq!(handshake.is_some(), keep);
        if let Some(handshake) = handshake {
            assert!(handshake.uri.query().unwrap().contains("EIO=4"), "{}", handshake.uri);
            assert_eq!(handshake.headers["upgrade"], "websocket");
        }
    }
}

#[tokio::test]
async fn the_sockets_of_a_group_come_with_their_data_and_rooms() {
    let connect = async |socket: Socket, Auth(name): Auth<serde_json::Value>| {
        socket.join("lobby");
        Ok::<_, Refusal>(name["name"].to_string())
    };
    let namespace = Namespace::new().on_connect(connect);
    let server = Server::builder().namespace("/", namespace).build().unwrap();
    let name = serde_json::json!({"name": "ada"});
    let client = Client::connect(&serve(&server).await, "/", name).await.unwrap();
    let sockets = server.of("/").to("lobby").local_sockets();
    assert_eq!(sockets.len(), 1);
    assert_eq!(sockets[0].id(), client.id());
    assert_eq!(sockets[0].data::<String>().unwrap().as_str(), r#""ada""#);
    assert!(sockets[0].data::<u8>().is_none());
    assert_eq!(sockets[0].rooms(), ["lobby".into()]);
}

#[tokio::test]
async fn any_path_will_do_and_others_go_their_own_way() {
    let server = Server::builder().namespace("/", Namespace::new()).build().unwrap();
    let raw = async |mut socket: WebSocket| drop(socket.send("raw").await);
    let app = Router::new()
        .route_service("/imchat/", server.service())
        .route_service("/raw", ws::service(raw));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });

    let client = Client::connect(&format!("http://{address}/imchat/"), "/", ()).await.unwrap();
    assert_eq!(server.sessions(), 1);
    let mut other = ws::connect(format!("ws://{address}/raw")).await.unwrap();
    assert_eq!(other.recv().await.unwrap(), Some("raw".into()));
    assert_eq!(server.sessions(), 1);
    drop(client);
}
