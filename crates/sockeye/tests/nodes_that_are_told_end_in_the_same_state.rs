//! What is done to groups at one server, and told as bytes, does the same at another; and a bus hears of rooms.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, OnceLock},
};

use bytes::Bytes;
use common::{serve, until};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use sockeye::{
    event::Args,
    server::{Broadcast, Bus, Namespace, Room, Sent, Server, Socket},
};
use sockeye_proto::wire::{
    cluster::{Action, Message},
    packet::Limits,
};
use sockeye_testkit::client::Client;

const UID: &str = "4380c636613b290c";

/// Keeps what it is told, as bytes, until the test takes it.
#[derive(Debug, Default)]
struct Wire {
    published: Mutex<Vec<Vec<u8>>>,
    /// The rooms that have changed, and how many were there when that was told.
    changed: Mutex<Vec<(String, usize)>>,
    server: OnceLock<Server>,
}

impl Bus for Wire {
    fn publish(&self, message: Message) {
        self.published.lock().unwrap().push(message.encode(UID));
    }

    fn room_changed(&self, namespace: &str, room: &Room) {
        // Would block for ever if the rooms were locked.
        let count = self.server.get().unwrap().of(namespace).to(room).local_count();
        self.changed.lock().unwrap().push((room.to_string(), count));
    }
}

impl Wire {
    fn take(&self) -> Vec<Vec<u8>> {
        mem::take(&mut self.published.lock().unwrap())
    }

    fn changed(&self) -> Vec<(String, usize)> {
        mem::take(&mut self.changed.lock().unwrap())
    }
}

async fn join(socket: Socket, Args((rooms,)): Args<(Vec<String>,)>) {
    rooms.into_iter().for_each(|room| socket.join(room));
}

async fn leave(socket: Socket, Args((room,)): Args<(String,)>) {
    socket.leave(room);
}

async fn shout(socket: Socket, Args((room,)): Args<(String,)>) {
    let _ = socket.to(room).emit("shouted", ()); // no name that is reserved
}

/// A server and its clients, all of whom a room of their own names.
struct Node {
    server: Server,
    wire: Arc<Wire>,
    clients: Vec<Client>,
}

impl Node {
    async fn new(rooms: &[&[&str]]) -> Self {
        let wire = Arc::new(Wire::default());
        let namespace = || Namespace::new().on("join", join).on("leave", leave).on("shout", shout);
        let server = Server::builder()
            .namespace("/", namespace())
            .namespace("/b", namespace())
            .bus(Arc::clone(&wire) as _)
            .build()
            .unwrap();
        wire.server.set(server.clone()).unwrap();
        let url = serve(&server).await;
        let mut clients = Vec::new();
        for (index, rooms) in rooms.iter().enumerate() {
            let mut client = Client::connect(&url, "/", ()).await.unwrap();
            let own = format!("client {index}");
            let rooms = [rooms, &[&*own][..]].concat();
            client.call_raw("join", &(rooms,)).await.unwrap();
            clients.push(client);
        }
        Self { server, wire, clients }
    }

    fn receive(&self, bytes: &[u8]) {
        let (uid, message) = Message::decode(bytes, &Limits::default()).unwrap();
        self.server.receive(&uid, message);
    }

    /// Which rooms each client is in that is left; by the number in its own room's name.
    fn rooms(&self) -> BTreeMap<String, Vec<Room>> {
        let rooms = self.server.of("/").local_sockets().into_iter().map(|socket| {
            let mut rooms = socket.rooms();
            rooms.sort_unstable();
            let own = rooms.iter().find(|room| room.starts_with("client ")).unwrap();
            (own.to_string(), rooms)
        });
        rooms.collect()
    }

    /// What each client has got so far.
    async fn got(&mut self) -> Vec<Vec<(String, Vec<Bytes>)>> {
        self.server.of("/").local().emit("mark", ()).unwrap();
        let mut got = Vec::new();
        for client in &mut self.clients {
            let mut events = Vec::new();
            loop {
                let event = client.event().await.unwrap();
                if event.name == "mark" {
                    break;
                }
                events.push((event.text().to_owned(), event.payload.attachments().to_vec()));
            }
            got.push(events);
        }
        got
    }
}

const FIVE: [&[&str]; 5] = [&["x"], &["x", "y"], &["y"], &[], &["z", "y", "x"]];

/// Something done to a group.
#[derive(Clone, Debug)]
struct Deed {
    to: Vec<&'static str>,
    except: Vec<&'static str>,
    local: bool,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Emit(String, Option<Vec<u8>>),
    Join(&'static str),
    Leave(&'static str),
}

fn deed() -> impl Strategy<Value = Deed> {
    let room = || prop::sample::select(vec!["x", "y", "z", "", "5", "client 0"]);
    let shared = || prop::sample::select(vec!["x", "y", "z", "", "5"]);
    let what = prop_oneof![
        3 => any::<(String, Option<Vec<u8>>)>().prop_map(|(text, bytes)| What::Emit(text, bytes)),
        2 => shared().prop_map(What::Join),
        1 => shared().prop_map(What::Leave),
    ];
    let rooms = || prop::collection::vec(room(), 0..3);
    (rooms(), rooms(), prop::bool::weighted(0.1), what).prop_map(|(to, except, local, what)| Deed {
        to,
        except,
        local,
        what,
    })
}

impl Deed {
    fn group(&self, server: &Server) -> Broadcast {
        let all = server.of("/");
        let all = if self.local { all.local() } else { all };
        let group = self.to.iter().fold(all, |group, room| group.to(room));
        self.except.iter().fold(group, |group, room| group.except(room))
    }

    fn is_done(&self, group: &Broadcast) {
        match &self.what {
            What::Emit(text, bytes) => {
                let bytes = bytes.clone().map(Bytes::from);
                group.emit("said", (text, bytes)).unwrap();
            }
            What::Join(room) => group.join(room),
            What::Leave(room) => group.leave(room),
        }
    }
}

#[tokio::test]
async fn a_server_that_is_told_by_bytes_alone_does_what_the_first_did() {
    let (mut first, mut second) = (Node::new(&FIVE).await, Node::new(&FIVE).await);
    let mut runner = TestRunner::deterministic();
    for _ in 0..300 {
        let deed = deed().new_tree(&mut runner).unwrap().current();
        deed.is_done(&deed.group(&first.server));
        let told = first.wire.take();
        assert_eq!(told.len(), usize::from(!deed.local), "{deed:?}");
        told.iter().for_each(|bytes| second.receive(bytes));
        if deed.local {
            // Nobody is told, so that here it has to be done by hand.
            deed.is_done(&deed.group(&second.server));
        }
        assert_eq!(second.rooms(), first.rooms(), "after {deed:?}");
    }
    let (there, here) = (second.got().await, first.got().await);
    assert!(here.iter().map(Vec::len).sum::<usize>() > 100);
    assert_eq!(there, here);
    // What a node was told it tells nobody.
    assert_eq!(second.wire.take(), [[0; 0]; 0]);

    for end in [Broadcast::disconnect, Broadcast::close] {
        end(&first.server.of("/").to("client 3").to("client 4"));
        first.wire.take().iter().for_each(|bytes| second.receive(bytes));
        until(|| first.rooms().len() == second.rooms().len()).await;
        assert_eq!(second.rooms(), first.rooms());
    }
    until(|| first.rooms().len() == 3 && second.rooms().len() == 3).await;
    first.server.of("/").close();
    first.wire.take().iter().for_each(|bytes| second.receive(bytes));
    for node in [&mut first, &mut second] {
        for client in &mut node.clients[..3] {
            client.closed().await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_a_socket_says_to_others_is_told_and_what_it_does_itself_is_not() {
    let (mut first, mut second) = (Node::new(&FIVE).await, Node::new(&FIVE).await);
    assert_eq!(first.wire.take(), [[0; 0]; 0], "its own joining concerns nobody else");
    first.clients[0].call_raw("shout", &"x").await.unwrap();
    let told = first.wire.take();
    let (_, message) = Message::decode(&told[0], &Limits::default()).unwrap();
    assert_eq!((told.len(), &*message.target.except), (1, &[first.clients[0].id().into()][..]));
    second.receive(&told[0]);
    // Nobody there is the one who shouted.
    let counts = |got: Vec<Vec<_>>| got.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(counts(first.got().await), [0, 1, 0, 0, 1]);
    assert_eq!(counts(second.got().await), [1, 1, 0, 0, 1]);
}

#[tokio::test]
async fn volatile_packets_are_told_as_such_and_questions_are_not_told() {
    let node = Node::new(&FIVE).await;
    node.server.of("/").to("y").volatile().emit("now", ()).unwrap();
    let told = node.wire.take();
    let (_, message) = Message::decode(&told[0], &Limits::default()).unwrap();
    assert!(matches!(message.action, Action::Emit { volatile: true, .. }), "{message:?}");
    let group = node.server.of("/").to("y");
    let found = group.fetch().await.sockets.len();
    assert_eq!((found, group.local_sockets().len(), group.local_count()), (3, 3, 3));
    assert_eq!(group.local_rooms().len(), 6);
    assert_eq!(
        node.server.of("/").local().emit("here", ()).unwrap(),
        Sent { queued: 5, dropped: 0 }
    );
    assert_eq!(node.wire.take(), [[0; 0]; 0]);
}

#[tokio::test]
async fn each_namespace_is_told_by_its_own_name() {
    let (first, second) = (Node::new(&[&["x"]]).await, Node::new(&[&["x"]]).await);
    first.server.of("/b").to("x").join("y");
    first.server.of("/nowhere").emit("lost", ()).unwrap();
    let told = first.wire.take();
    let (_, mut message) = Message::decode(&told[0], &Limits::default()).unwrap();
    assert_eq!((told.len(), &*message.namespace), (1, "/b"));
    second.server.receive(UID, message.clone());
    assert_eq!(second.server.of("/").to("y").local_count(), 0);
    message.namespace = "/of another".into();
    second.server.receive(UID, message.clone());
    message.namespace = "/".into();
    second.server.receive(UID, message);
    assert_eq!(second.server.of("/").to("y").local_count(), 1);
}

#[tokio::test]
async fn a_bus_hears_of_the_first_and_the_last_in_a_room() {
    let node = Node::new(&[&["x"], &["x", "y"]]).await;
    let [mut first, mut second] = <[Client; 2]>::try_from(node.clients).unwrap();
    let (first_id, second_id) = (first.id().to_owned(), second.id().to_owned());
    let check = |expect: &[(&str, usize)]| {
        let changed = node.wire.changed();
        let changed: Vec<_> = changed.iter().map(|(room, count)| (&**room, *count)).collect();
        assert_eq!(changed, expect);
    };
    check(&[(&first_id, 1), ("x", 1), ("client 0", 1), (&second_id, 1), ("y", 1), ("client 1", 1)]);
    first.call_raw("leave", &"x").await.unwrap();
    first.call_raw("leave", &"y").await.unwrap();
    check(&[]);
    first.call_raw("join", &(["x", "x", "z"],)).await.unwrap();
    check(&[("z", 1)]);
    let all = || node.server.of("/");
    all().leave("x");
    all().join("w");
    all().to("nobody").join("v");
    check(&[("x", 0), ("w", 1)]);
    all().to(&*second_id).close();
    second.closed().await.unwrap();
    until(|| node.server.sessions() == 1).await;
    check(&[(&second_id, 0), ("client 1", 0), ("y", 0)]);
    // A room named by somebody's id.
    all().join(&*second_id);
    check(&[(&second_id, 1)]);
}
