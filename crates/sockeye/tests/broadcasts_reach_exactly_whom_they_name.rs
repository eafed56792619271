//! Rooms, exceptions, own-id rooms, counts, volatile packets: who gets a broadcast, and what `Sent` says of it.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use bytes::Bytes;
use common::{serve, until};
use sockeye::{
    event::Args,
    server::{Broadcast, EmitError, Namespace, SendState, Sent, Server, Socket},
};
use sockeye_testkit::{Heard, client::Client};

async fn join(socket: Socket, Args((rooms,)): Args<(Vec<String>,)>) {
    rooms.into_iter().for_each(|room| socket.join(room));
}

async fn leave(socket: Socket, Args((room,)): Args<(String,)>) {
    socket.leave(room);
}

fn server() -> Server {
    let namespace = || Namespace::new().on("join", join).on("leave", leave);
    Server::builder().namespace("/", namespace()).namespace("/b", namespace()).build().unwrap()
}

/// Clients in these rooms, in the order given.
async fn clients(url: &str, rooms: &[&[&str]]) -> Vec<Client> {
    let mut clients = Vec::new();
    for rooms in rooms {
        let mut client = Client::connect(url, "/", ()).await.unwrap();
        client.call_raw("join", &(rooms,)).await.unwrap();
        clients.push(client);
    }
    clients
}

/// Which of the clients got what was emitted last: each is sent a mark behind it.
async fn reached(server: &Server, clients: &mut [Client]) -> String {
    server.of("/").emit("mark", ()).unwrap();
    let mut reached = String::new();
    for (index, client) in clients.iter_mut().enumerate() {
        loop {
            match client.event().await.unwrap().name.as_str() {
                "mark" => break,
                _ => reached.push(char::from(b'a' + index as u8)),
            }
        }
    }
    reached
}

/// Checks in which rooms the sockets of a group are.
#[track_caller]
fn check_rooms(group: &Broadcast, expect: &[(&str, usize)]) {
    let mut rooms = group.local_rooms();
    rooms.sort_unstable();
    let rooms: Vec<_> = rooms.iter().map(|(room, sockets)| (&**room, *sockets)).collect();
    assert_eq!(rooms, expect, "{group:?}");
}

#[tokio::test]
async fn rooms_make_a_union_and_exceptions_count_last() {
    let server = server();
    // Clients a to e.
    let rooms: [&[&str]; 5] = [&["x"], &["x", "y"], &["y"], &[], &["z", "y", "x"]];
    let mut clients = clients(&serve(&server).await, &rooms).await;
    let ids: Vec<String> = clients.iter().map(|client| client.id().to_owned()).collect();
    let all = || server.of("/");
    let rows: Vec<(Broadcast, &str)> = vec![
        (all(), "abcde"),
        (all().to("x"), "abe"),
        (all().to("x").to("y"), "abce"),
        (all().within("x").within("x"), "abe"),
        (all().to("x").except("y"), "a"),
        (all().except("x"), "cd"),
        (all().except("x").except("y"), "d"),
        (all().to("nobody"), ""),
        (all().to("nobody").to("z"), "e"),
        (all().except("nobody"), "abcde"),
        // A socket's id is its own room.
        (all().to(ids[3].as_str()), "d"),
        (all().to(ids[0].as_str()).to("x"), "abe"),
        (all().except(ids[1].as_str()), "acde"),
        (all().to("x").except(ids[4].as_str()), "ab"),
        (all().to(""), ""),
    ];
    for (broadcast, expect) in rows {
        let sent = broadcast.emit("said", ("hello", Bytes::from_static(b"x"))).unwrap();
        assert_eq!(sent, Sent { queued: expect.len(), dropped: 0 }, "{broadcast:?}");
        assert_eq!(reached(&server, &mut clients).await, expect, "{broadcast:?}");
        assert_eq!(broadcast.local_sockets().len(), expect.len());
        assert_eq!(broadcast.local_count(), expect.len(), "{broadcast:?}");
        let fetched = broadcast.fetch().await;
        assert_eq!((fetched.sockets.len(), fetched.missing), (expect.len(), 0), "{broadcast:?}");
    }
    assert_eq!(server.of("/").to(&ids[0]).local_count(), 1);
    all().to(ids[0].as_str()).join(ids[0].as_str());
    all().to(ids[1].as_str()).join(ids[0].as_str());
    assert_eq!(server.of("/").to(&ids[0]).local_count(), 2);
    assert_eq!(all().to(ids[0].as_str()).emit("said", ()).unwrap().queued, 2);
    assert_eq!(reached(&server, &mut clients).await, "ab");
    all().to(ids[0].as_str()).leave(ids[0].as_str());
    assert_eq!(server.of("/").to(&ids[0]).local_count(), 1);
    check_rooms(&all(), &[("x", 3), ("y", 3), ("z", 1)]);
    check_rooms(&all().to("z"), &[("x", 1), ("y", 1), ("z", 1)]);
    check_rooms(&all().except("z"), &[("x", 2), ("y", 2)]);
    check_rooms(&all().to(ids[3].as_str()).to("nobody"), &[]);
    assert_eq!((server.of("/").local_count(), server.of("/").to("x").local_count()), (5, 3));
    assert_eq!((server.of("/b").local_count(), server.of("/nowhere").local_count()), (0, 0));
}

#[tokio::test]
async fn a_socket_broadcasts_to_everybody_but_itself() {
    let server = server();
    let mut clients = clients(&serve(&server).await, &[&["x"], &["x"], &[]]).await;
    let id = clients[0].id().to_owned();
    let socket = server.of("/").to(id).local_sockets().remove(0);
    assert_eq!(socket.broadcast().emit("said", ()).unwrap().queued, 2);
    assert_eq!(reached(&server, &mut clients).await, "bc");
    assert_eq!(socket.to("x").emit("said", ()).unwrap().queued, 1);
    assert_eq!(reached(&server, &mut clients).await, "b");
    socket.emit("said", ()).unwrap();
    assert_eq!(reached(&server, &mut clients).await, "a");
}

#[tokio::test]
async fn groups_are_moved_between_rooms() {
    let server = server();
    let mut clients = clients(&serve(&server).await, &[&["x"], &["x"], &[]]).await;
    server.of("/").to("x").join("y");
    server.of("/").to("x").leave("x");
    server.of("/").to("x").emit("said", ()).unwrap();
    assert_eq!(reached(&server, &mut clients).await, "");
    server.of("/").to("y").emit("said", ()).unwrap();
    assert_eq!(reached(&server, &mut clients).await, "ab");
    clients[0].call_raw("leave", &"y").await.unwrap();
    clients[0].call_raw("leave", &"never joined").await.unwrap();
    assert_eq!(server.of("/").to("y").local_count(), 1);
    server.of("/").except("y").disconnect();
    assert!(matches!(clients[0].next().await.unwrap(), Heard::Disconnect { .. }));
    assert!(matches!(clients[2].next().await.unwrap(), Heard::Disconnect { .. }));
    until(|| server.of("/").local_count() == 1).await;
    server.of("/").close();
    clients[1].closed().await.unwrap();
    until(|| server.sessions() == 2).await; // those made to leave have a session still
    assert!(server.of("/").local_rooms().is_empty());
}

#[tokio::test]
async fn what_was_fetched_of_a_socket_acts_on_it_alone() {
    let server = Server::builder()
        .keep_handshake(true)
        .namespace("/", Namespace::new().on("join", join))
        .build()
        .unwrap();
    let mut clients = clients(&serve(&server).await, &[&["x", "y"], &["x"], &[]]).await;
    let ids: Vec<String> = clients.iter().map(|client| client.id().to_owned()).collect();
    let mut sockets = server.of("/").to("x").fetch().await.sockets;
    sockets.sort_by_key(|socket| socket.id() != ids[0]);
    let (first, second) = (&sockets[0], &sockets[1]);
    assert_eq!((first.id(), first.namespace()), (&*ids[0], "/"));
    let mut rooms = first.rooms().to_vec();
    rooms.sort_unstable();
    assert_eq!(rooms, ["x".into(), "y".into()]);
    assert_eq!(first.handshake().unwrap().uri.path(), "/socket.io/");
    first.emit("said", ("hello",)).unwrap();
    assert_eq!(reached(&server, &mut clients).await, "a");
    assert!(matches!(first.emit("connect", ()), Err(EmitError::ReservedName { .. })));
    first.join("z");
    first.leave("x");
    check_rooms(&server.of("/"), &[("x", 1), ("y", 1), ("z", 1)]);
    assert_eq!(first.rooms().len(), 2, "as it was when it was fetched");
    second.disconnect();
    assert!(matches!(clients[1].next().await.unwrap(), Heard::Disconnect { .. }));
    first.close();
    clients[0].closed().await.unwrap();
    until(|| server.of("/").local_count() == 1).await;
    first.join("x");
    second.emit("said", ()).unwrap();
    assert!(server.of("/").local_rooms().is_empty());
}

#[tokio::test]
async fn a_socket_that_has_gone_does_nothing_any_more() {
    let server = server();
    let mut clients = clients(&serve(&server).await, &[&["x"]]).await;
    let socket = server.of("/").local_sockets().remove(0);
    assert!(socket.is_connected());
    socket.disconnect();
    socket.join("y");
    assert!(!socket.is_connected());
    assert!(matches!(socket.emit("said", ()), Err(EmitError::Disconnected)));
    assert!(matches!(clients[0].next().await.unwrap(), Heard::Disconnect { .. }));
    clients.remove(0).close().await.unwrap();
    until(|| server.sessions() == 0).await;
    socket.join("z");
    socket.leave("x");
    socket.disconnect();
    socket.close();
    assert!(socket.rooms().is_empty() && server.of("/").local_rooms().is_empty());
    assert_eq!(server.of("/").emit("said", ()).unwrap(), Sent::default());
}

#[tokio::test]
async fn nobody_is_reached_in_a_namespace_that_was_not_built() {
    let server = server();
    let _clients = clients(&serve(&server).await, &[&["x"]]).await;
    assert_eq!(server.of("/nowhere").emit("said", ()).unwrap(), Sent::default());
    assert_eq!(server.of("/b").emit("said", ()).unwrap(), Sent::default());
}

#[tokio::test]
async fn reserved_names_are_refused_before_anybody_is_reached() {
    let server = server();
    for name in ["connect", "disconnect", "disconnecting", "connect_error", "newListener"] {
        let error = server.of("/").emit(name, ()).unwrap_err();
        assert!(matches!(&error, EmitError::ReservedName { .. }), "{error}");
    }
}

#[tokio::test]
async fn volatile_packets_are_dropped_where_others_wait_and_handles_follow_the_rest() {
    let server = server();
    let mut clients = clients(&serve(&server).await, &[&[], &[]]).await;
    let id = clients[0].id().to_owned();
    let socket = server.of("/").to(id).local_sockets().remove(0);
    // Nothing is written before this task lets the drivers run.
    let first = socket.emit("said", ()).unwrap();
    assert_eq!(first.state(), SendState::Queued);
    assert!(matches!(socket.emit_volatile("said", ()), Err(EmitError::Busy)));
    assert_eq!(server.of("/").volatile().emit("said", ()).unwrap(), Sent { queued: 1, dropped: 1 });
    assert!(first.written().await);
    assert_eq!(first.state(), SendState::Written);
    assert!(socket.emit_volatile("said", ()).unwrap().written().await);
    assert_eq!(reached(&server, &mut clients).await, "aab");
}

#[tokio::test]
async fn a_volatile_packet_goes_with_its_attachments_or_not_at_all() {
    let server = server();
    let mut client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
    let socket = server.of("/").local_sockets().remove(0);
    let files = (Bytes::from_static(b"one"), Bytes::new());
    assert!(socket.emit_volatile("whole", &files).unwrap().written().await);
    socket.emit("first", ()).unwrap();
    assert!(matches!(socket.emit_volatile("never", &files), Err(EmitError::Busy)));
    socket.emit("last", ()).unwrap();
    let whole = client.event().await.unwrap();
    assert_eq!((whole.name.as_str(), whole.payload.attachments().len()), ("whole", 2));
    // An attachment without its packet would have ended the client's session.
    assert_eq!(client.event().await.unwrap().name, "first");
    assert_eq!(client.event().await.unwrap().name, "last");
}
