//! Much at once: many events, large ones, larger ones than the server takes.

use bytes::Bytes;
use serde_json::json;
use sockeye::{
    client::{Buffer, Client, EmitError, SendError},
    event::Args,
};
use sockeye_testkit::host_peer::Host;

use super::ground::{Ground, call, next, soon};

/// Waits for as many events of this name, whose arguments are their numbers.
async fn expect_numbers(client: &Client, event: &str, count: u32) {
    for number in 0..count {
        assert_eq!(next(client, event).await, number.to_string());
    }
}

pub(crate) async fn ten_thousand_while_it_moves(ground: Ground) {
    const COUNT: u32 = 10_000;

    let buffer = Buffer { max_events: 2 * COUNT as usize, ..Buffer::default() };
    let client = soon(ground.client("/imchat").buffer(buffer).connect()).await.unwrap();
    for number in 0..COUNT {
        client.emit("say", (number,)).unwrap();
    }
    expect_numbers(&client, "said", COUNT).await;
    ground.arrived(&client).await;
    // On polling an answer to a GET may overtake that to the last POST.
    while client.unsent() > 0 {
        tokio::task::yield_now().await;
    }
    soon(client.close()).await;
}

pub(crate) async fn a_burst_of_ten_thousand(ground: Ground) {
    let client = ground.connect("").await;
    call::<Args<()>>(&client, "burst", (10_000,)).await;
    expect_numbers(&client, "tick", 10_000).await;
    soon(client.close()).await;
}

pub(crate) async fn nine_hundred_kilobytes(ground: Ground) {
    let client = ground.connect("/imchat").await;
    let text = "ä".repeat(450_000);
    assert_eq!(call::<String>(&client, "echo", (&text,)).await, text);
    let bytes = Bytes::from(vec![0xA5; 600_000]);
    assert_eq!(call::<Bytes>(&client, "echo", (&bytes,)).await, bytes);
    call::<Args<()>>(&client, "big", (900_000,)).await;
    assert_eq!(next(&client, "big").await.len(), 900_002);
    soon(client.close()).await;
}

pub(crate) async fn a_hundred_at_once(ground: Ground) {
    let client = ground.client_of(&ground.url(&["--max-payload", "2000"]), "");
    let client = soon(client.connect()).await.unwrap();
    let filler = "x".repeat(100);
    let handles: Vec<_> =
        (0..100).map(|number| client.emit("say", (number, &filler)).unwrap()).collect();
    for number in 0..100 {
        assert_eq!(next(&client, "said").await, format!("{number},{:?}", filler));
    }
    for handle in handles {
        soon(handle.written()).await.unwrap();
    }
    soon(client.close()).await;
}

pub(crate) async fn more_than_the_server_takes(ground: Ground) {
    let url = ground.url(&["--max-payload", "2000"]);
    let client = soon(ground.client_of(&url, "/imchat").connect()).await.unwrap();
    ground.arrived(&client).await;
    let fits = "x".repeat(1_900);
    assert_eq!(call::<String>(&client, "echo", (&fits,)).await, fits);
    let too_large = "x".repeat(3_000);
    match (announces_its_limit(ground.host), client.emit("say", (&too_large,))) {
        (true, outcome) => {
            let Err(EmitError::TooLarge { bytes, max_bytes: 2_000 }) = outcome else {
                panic!("{outcome:?}")
            };
            assert!((3_000..3_100).contains(&bytes), "{bytes}");
        }
        (false, outcome) => {
            // Nobody could know. It costs the connection, but is not sent for ever.
            let outcome = soon(outcome.unwrap().written()).await;
            let lost = SendError::Lost { may_have_arrived: true };
            assert!(outcome.is_ok() || outcome.unwrap_err().to_string() == lost.to_string());
        }
    }
    // The next may still go to the session that ends.
    let answered = async {
        while client.call::<u8>("echo", (7,)).timeout(super::ground::PATIENCE).await.is_err() {}
    };
    soon(answered).await;
    soon(client.close()).await;
}

const fn announces_its_limit(host: Host) -> bool {
    !matches!(host, Host::Npm3 | Host::Npm2 | Host::Netty)
}

pub(crate) async fn volatile_events(ground: Ground) {
    let client = ground.connect("").await;
    // It may be busy with what came before.
    let sent = async {
        while client.emit_volatile("say", (json!({"volatile": true}),)).is_err() {
            tokio::task::yield_now().await;
        }
    };
    soon(sent).await;
    assert_eq!(next(&client, "said").await, r#"{"volatile":true}"#);
    soon(client.close()).await;
}
