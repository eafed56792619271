//! Namespaces: joined, joined later, left, refused, disconnected.

use serde_json::{Value, json};
use sockeye::{
    client::{CloseReason, ConnectError, Left, Membership, Namespace, Socket},
    event::{Args, State},
};
use sockeye_testkit::{host_peer::Host, proxy::Proxy};

use super::ground::{Ground, PATIENCE, call, next, soon};

pub(crate) async fn the_root(ground: Ground) {
    let client = ground.connect("").await;
    assert_eq!(client.namespace(), "/");
    assert!(client.id().is_some_and(|id| !id.is_empty()));
    assert_eq!(next(&client, "welcome").await, "{}");
    assert_eq!(call::<u8>(&client, "echo", (1,)).await, 1);
    assert!(matches!(soon(client.close()).await, CloseReason::Closed));
}

pub(crate) async fn a_namespace(ground: Ground) {
    let client = soon(ground.client("/imchat").connect()).await.unwrap();
    assert_eq!(client.namespace(), "/imchat");
    assert_eq!(next(&client, "welcome").await, "{}");
    assert_eq!(call::<u8>(&client, "echo", (1,)).await, 1);
    assert!(client.of("/").is_none());
    soon(client.close()).await;
}

pub(crate) async fn two_on_one_connection(ground: Ground) {
    let proxy = Proxy::start(&ground.url(&[]));
    let builder = ground.client_of(&proxy.url(), "/imchat").namespace("/other", Namespace::new());
    let client = soon(builder.connect()).await.unwrap();
    let other = client.of("/other").unwrap();
    ground.arrived(&other).await;
    // socketioxide gives all sockets of a session its id.
    assert_eq!(client.id() == other.id(), ground.host == sockeye_testkit::host_peer::Host::Oxide);
    client.emit("say", ("chat",)).unwrap();
    other.emit("say", ("other",)).unwrap();
    for _ in 0..2 {
        let said = soon(client.next("said")).await.unwrap();
        assert_eq!(
            said.args.text(),
            json!(said.namespace[1..].trim_start_matches("im")).to_string()
        );
    }
    if ground.manner == super::ground::Manner::WebSocket {
        assert_eq!(proxy.connections(), 1);
    }
    soon(client.close()).await;
}

pub(crate) async fn one_more_later(ground: Ground) {
    let client = ground.connect("").await;
    let chat = client.join("/imchat", Namespace::new()).unwrap();
    let early = chat.emit("say", ("early",)).unwrap();
    soon(chat.joined()).await.unwrap();
    soon(early.written()).await.unwrap();
    assert_eq!(next(&client, "said").await, r#""early""#);
    client.reconnect();
    let id = client.id();
    let again = |m: &Membership| matches!(m, Membership::Joined { id: new, .. } if Some(new) != id.as_ref());
    soon(client.membership().wait_for(again)).await.unwrap();
    assert_eq!(call::<u8>(&chat, "echo", (2,)).await, 2);
    soon(client.close()).await;
}

pub(crate) async fn leaving_and_joining_again(ground: Ground) {
    let client = ground.connect("").await;
    for _ in 0..3 {
        let chat = client.join("/imchat", Namespace::new()).unwrap();
        soon(chat.joined()).await.unwrap();
        assert_eq!(call::<u8>(&chat, "echo", (3,)).await, 3);
        chat.leave();
        let left = |m: &Membership| matches!(m, Membership::Left(Left::ClientDisconnect));
        soon(chat.membership().wait_for(left)).await.unwrap();
        assert!(chat.emit("say", ()).is_err());
    }
    assert_eq!(call::<u8>(&client, "echo", (1,)).await, 1);
    soon(client.close()).await;
}

pub(crate) async fn refused_with_data(ground: Ground) {
    let refused = soon(ground.client("/guarded").connect()).await.unwrap_err();
    let ConnectError::NotJoined { namespace, because: Left::Refused { message, data } } = &refused
    else {
        panic!("{refused}")
    };
    assert_eq!(namespace, "/guarded");
    assert_eq!(*data, Some(json!({"code": 401})));
    if ground.host.has_auth() {
        assert_eq!(message, "unauthorized");
    }
    let token = json!({"token": "secret"});
    let builder = ground.client("/guarded").auth(&token).query("token", "secret");
    let client = soon(builder.connect()).await.unwrap();
    let auth: Value = call(&client, "auth", ()).await;
    assert_eq!(auth, if ground.host.has_auth() { token } else { json!({}) });
    soon(client.close()).await;
}

pub(crate) async fn unknown_namespace(ground: Ground) {
    let refused = soon(ground.client("/nowhere").connect()).await.unwrap_err();
    let ConnectError::NotJoined { because: Left::Refused { message, .. }, .. } = &refused else {
        panic!("{refused}")
    };
    let says = match ground.host {
        Host::PythonAsyncio | Host::PythonThreads => "Unable to connect",
        _ => "Invalid namespace",
    };
    assert_eq!(message, says);
    // Others don't suffer from it.
    let client = ground.connect("").await;
    let nowhere = client.join("/nowhere", Namespace::new()).unwrap();
    assert!(matches!(soon(nowhere.joined()).await, Err(Left::Refused { .. })));
    assert_eq!(call::<u8>(&client, "echo", (1,)).await, 1);
    soon(client.close()).await;
}

pub(crate) async fn disconnected_by_the_server(ground: Ground) {
    for namespace in ["", "/imchat"] {
        let client = soon(ground.client(namespace).connect()).await.unwrap();
        client.emit("disconnect-me", ()).unwrap();
        let reason = soon(client.closed()).await;
        assert!(matches!(reason, CloseReason::NothingJoined(Left::ServerDisconnect)), "{reason}");
        next(&client, "welcome").await;
        assert!(soon(client.events().unwrap().recv()).await.is_none(), "and nothing else came");
    }
}

pub(crate) async fn disconnected_and_joined_again(ground: Ground) {
    for namespace in ["", "/imchat"] {
        let builder = ground.client(namespace);
        let builder = builder.rejoin_if(|left| matches!(left, Left::ServerDisconnect));
        let client = soon(builder.connect()).await.unwrap();
        next(&client, "welcome").await;
        client.emit("disconnect-me", ()).unwrap();
        next(&client, "welcome").await;
        let waits = client.emit("say", ("again",)).unwrap();
        soon(waits.written()).await.unwrap();
        assert_eq!(next(&client, "said").await, r#""again""#, "in {namespace:?}");
        soon(client.close()).await;
    }
}

pub(crate) async fn the_connect_handler_goes_first(ground: Ground) {
    type Answers = tokio::sync::mpsc::UnboundedSender<String>;
    async fn joined(socket: Socket, State(answers): State<Answers>) {
        let Args((answer,)): Args<(String,)> =
            socket.call("echo", ("login",)).timeout(PATIENCE).await.unwrap();
        answers.send(answer).unwrap();
        socket.emit("say", ("first",)).unwrap();
    }
    let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
    let client = ground.client("/imchat").state::<Answers>(answers).on_connect(joined);
    let client = client.start().unwrap();
    client.emit("say", ("second",)).unwrap();
    assert_eq!(soon(answered.recv()).await.unwrap(), "login");
    assert_eq!(next(&client, "said").await, r#""first""#);
    assert_eq!(next(&client, "said").await, r#""second""#);
    soon(client.close()).await;
}
