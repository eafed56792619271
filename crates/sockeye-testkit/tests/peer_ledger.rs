//! The ledger counts what it is sent and behaves as it is told: our client says so, to both of its versions.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use serde_json::{Value, json};
use sockeye_testkit::{
    client::Client,
    ledger::{Ack, At, Behaviour, Cut, Ledger, Room},
};

async fn emit(client: &mut Client, id: &str, n: u64) -> Result<Value, String> {
    let task = json!({"id": id, "key": "k", "n": n});
    client.call::<Value>("message", &(task,)).await.map_err(|error| error.to_string())
}

async fn join(room: &Room) -> Client {
    let url = room.url();
    let (server, namespace) = url.rsplit_once('/').unwrap();
    Client::connect(server, &format!("/{namespace}"), ()).await.unwrap()
}

fn behave(room: &Room, change: Behaviour) {
    room.behave(&change);
}

#[tokio::test]
async fn it_counts_and_misbehaves() {
    let Some(ledger) = Ledger::launch(4, &["--ping-interval", "5000"]) else { return };
    let room = ledger.room("/imchat");
    let mut client = join(&room).await;
    assert_eq!(emit(&mut client, "a", 1).await.unwrap(), json!({"ok": true, "id": "a"}));
    assert_eq!(emit(&mut client, "b", 2).await.unwrap()["id"], "b");
    let error = Ack::Error { error: json!({"code": 503}), times: Some(1) };
    behave(&room, Behaviour { ack: Some(error), ..Behaviour::default() });
    assert_eq!(emit(&mut client, "a", 1).await.unwrap()["ok"], true, "it came before");
    assert_eq!(emit(&mut client, "c", 3).await.unwrap(), json!({"code": 503}));
    let book = room.book();
    assert_eq!((book.records, book.counts.len(), book.acked), (4, 3, 4), "{book:?}");
    assert_eq!(book.orders["k"], [1, 2, 1, 3]);
    assert_eq!(ledger.room("/other").book().records, 0, "each namespace has its own");

    for (at, records, acked) in [
        (At::BeforeRecord, 0, 0),
        (At::AfterRecord, 1, 0),
        (At::BeforeAck, 1, 0),
        (At::AfterAck, 1, 1),
    ] {
        let room = ledger.room(&format!("/{at:?}"));
        let mut client = join(&room).await;
        let cut = Some(Some(Cut { at, every: 1 }));
        behave(&room, Behaviour { ack: Some(Ack::Yes), cut, ..Behaviour::default() });
        let answer = emit(&mut client, "a", 1).await;
        let book = room.until("cuts", 1);
        assert_eq!((book.records, book.acked), (records, acked), "{at:?}");
        if acked == 0 {
            answer.unwrap_err();
        }
    }
}
