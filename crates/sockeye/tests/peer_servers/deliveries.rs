//! What survives lost connections: deliveries, and with a server that restores them, events.

use std::collections::HashSet;

use serde_json::{Value, json};
use sockeye::{
    client::{Membership, Retries},
    event::Args,
};
use sockeye_testkit::proxy::Proxy;
use tokio::time::Duration;

use super::ground::{Ground, Manner, PATIENCE, Record, soon};

pub(crate) async fn acked_in_the_end(ground: Ground) {
    let retries = Retries { ack_timeout: Duration::from_millis(200), ..Retries::default() };
    let client = soon(ground.client("/imchat").retries(retries).connect()).await.unwrap();
    let name = format!("{:?} {:?}", ground.host, ground.manner);
    let delivery = client.deliver("once", (&name,)).unwrap();
    let answer: Value = soon(delivery.acked()).await.unwrap();
    assert!(answer["times"].as_u64().is_some_and(|times| times > 1), "{answer}");
    soon(client.close()).await;
    let retries = Retries { send_id: true, ..Retries::default() };
    let client = soon(ground.client("").retries(retries).connect()).await.unwrap();
    ground.arrived(&client).await;
    let delivery = client.deliver("echo", ("text",)).unwrap();
    let Args((text, id)): Args<(String, String)> = soon(delivery.acked()).await.unwrap();
    assert_eq!((&*text, &*id), ("text", delivery.id()));
    assert_eq!(client.unsent(), 0);
    soon(client.close()).await;
}

/// npm's server drops events of somebody who has left by the time their handlers are to begin.
pub(crate) async fn emitted_before_leaving(ground: Ground) {
    let record = Record::new(&ground, "leaving");
    let server = ground.launch(&["--record", record.path()]);
    let mut expect = Vec::new();
    for number in 0..10_u64 {
        let client = soon(ground.client_of(&server.url, "/imchat").connect()).await.unwrap();
        client.emit("message", (2 * number,)).unwrap();
        client.emit("message", (2 * number + 1,)).unwrap();
        expect.extend([2 * number, 2 * number + 1]);
        if number % 2 == 0 {
            soon(client.close()).await;
        } else {
            client.leave();
            soon(client.closed()).await;
        }
    }
    let mut pause = tokio::time::interval(Duration::from_millis(20)); // a file has nothing to wait on
    let arrive = async {
        while record.numbers().len() < expect.len() {
            pause.tick().await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, arrive).await;
    let mut recorded = record.numbers();
    recorded.sort_unstable();
    assert_eq!(recorded, expect);
}

pub(crate) async fn through_the_death_of_the_server(ground: Ground) {
    let record = Record::new(&ground, "deliveries");
    let mut server = ground.launch(&["--record", record.path()]);
    let client = soon(ground.client_of(&server.url, "/imchat").connect()).await.unwrap();
    let mut deliveries = Vec::new();
    for round in 0..3 {
        for number in 0..100 {
            deliveries.push(client.deliver("message", (round * 100 + number,)).unwrap());
        }
        // Some are acknowledged, some under way, some wait.
        let some = deliveries.len() - 80;
        soon(deliveries[some].acked::<Value>()).await.unwrap();
        server.kill();
        server.start_again();
    }
    for (number, delivery) in deliveries.iter().enumerate() {
        let answer: Value = soon(delivery.acked()).await.unwrap();
        assert_eq!(answer, json!({ "ok": true, "id": number }));
    }
    soon(client.close()).await;
    // What was sent twice came again behind what came first.
    let mut seen = HashSet::new();
    let mut recorded = record.numbers();
    recorded.retain(|number| seen.insert(*number));
    assert_eq!(recorded, (0..300).collect::<Vec<_>>());
}

pub(crate) async fn recovered_by_the_server(ground: Ground) {
    const COUNT: u32 = 2_000;

    let proxy = Proxy::start(&ground.url(&["--recovery"]));
    let client = soon(ground.client_of(&proxy.url(), "/imchat").connect()).await.unwrap();
    ground.arrived(&client).await;
    // On polling the server may not notice that the client is gone, and then has nothing to restore.
    if ground.manner != Manner::Polling {
        let burst = client.call::<Args<()>>("burst", (COUNT,));
        let burst = tokio::spawn(burst.timeout(Duration::from_secs(5)).into_future());
        for number in 0..COUNT {
            // The last argument is what the server counts them by.
            let tick = soon(client.next("tick")).await.unwrap();
            assert_eq!(tick.args.parse::<(u32,)>().unwrap(), (number,));
            if number == 0 {
                proxy.cut();
            }
        }
        burst.abort(); // whether it was answered in time, nobody can say
    }
    // A cut may hit nothing, between two requests.
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    let mut membership = client.membership();
    let recovered = |m: &Membership| matches!(m, Membership::Joined { recovered: true, .. });
    while !recovered(&membership.borrow_and_update()) {
        pause.tick().await;
        proxy.cut();
    }
    // The last cut may have come after that.
    let answered =
        async { while client.call::<u8>("echo", (1,)).timeout(PATIENCE).await.is_err() {} };
    soon(answered).await;
    soon(client.close()).await;
}
