//! Attacks by rooms, where an application lets clients choose them: nothing bounds how many, so no cost may multiply.

use std::time::Duration;

use sockeye::server::{Auth, Namespace, Server, Socket};
use sockeye_testkit::client::Client;
use tokio::time;

use crate::{
    common::serve,
    packets::{attacker, survives},
    scene::{A_LITTLE, Memory, Scene},
};

#[tokio::test]
async fn twenty_thousand_rooms_of_one_socket() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    for event in ["join", "leave", "join"] {
        for room in 0..20_000 {
            hostile.emit(event, &format!("room {room} {}", "x".repeat(100))).await.unwrap();
        }
        survives(&mut hostile, event).await;
    }
    drop(hostile);
    scene.unharmed(A_LITTLE).await;
}

/// Joins all rooms and leaves them again, but for one.
async fn look_into_all(socket: Socket, Auth(rooms): Auth<Rooms>) {
    for room in &rooms.names {
        socket.join(&**room);
        socket.join(&**room);
    }
    for room in &rooms.names[1..] {
        socket.leave(&**room);
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Rooms {
    names: Vec<String>,
}

#[tokio::test]
async fn a_hundred_thousand_rooms_before_it_is_in() {
    let namespace = Namespace::new().on_connect(look_into_all);
    let server = Server::builder().namespace("/", namespace).build().unwrap();
    let url = serve(&server).await;
    let memory = Memory::now();
    let names: Vec<_> = (0..100_000).map(|room| format!("{room:06}")).collect();
    let joined = Client::connect(&url, "/", Rooms { names });
    let client = time::timeout(Duration::from_secs(10), joined).await.expect("in time").unwrap();
    let socket = server.of("/").local_sockets().remove(0);
    assert_eq!(socket.rooms().iter().map(|room| &**room).collect::<Vec<_>>(), ["000000"]);
    drop(client);
    memory.grown_at_most(2 * A_LITTLE);
}
