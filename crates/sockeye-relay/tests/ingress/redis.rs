//! Records in Redis, on a server of the test's own.

use std::process::{Child, Command, Stdio};

use sockeye_relay::ingress::{
    Receiver as _, SinkPlan, SpoolOptions,
    sink::{RedisKind, RedisSink},
};

use crate::place::{LIMIT, Place, event, number, quick, until};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn server(place: &Place) -> (Server, String) {
    let socket = place.0.join("redis.sock");
    let child = Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
        .arg(&socket)
        .arg("--dir")
        .arg(&place.0)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    (Server(child), format!("redis+unix://{}", socket.display()))
}

#[tokio::test]
async fn streams_and_lists_have_each_record_once_and_channels_when_heard() {
    let place = Place::new("redis");
    let (server_1, url) = server(&place);
    let plan = |name: &str, kind| {
        let mut plan = SinkPlan::new(name, RedisSink::new(&url, kind, name, "test").unwrap());
        plan.backoff = quick();
        plan
    };
    let plans = vec![
        plan("stream", RedisKind::Stream { max_entries: Some(1000) }),
        plan("left", RedisKind::ListLeft),
        plan("right", RedisKind::ListRight),
        plan("channel", RedisKind::Channel),
    ];
    let ingress = place.ingress(SpoolOptions::default(), plans).await;
    // The server may not be there yet: that costs nothing.
    for sent in 0..20 {
        ingress.receive(event("e", sent)).await.unwrap();
    }
    until("delivered", || ingress.stats().spool_records == 0).await;
    let client = redis::Client::open(&*url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let list = async |connection: &mut redis::aio::MultiplexedConnection, key: &str| {
        let lines: Vec<Vec<u8>> =
            redis::cmd("LRANGE").arg(key).arg(0).arg(-1).query_async(connection).await.unwrap();
        lines.iter().map(|line| number(line)).collect::<Vec<_>>()
    };
    let expect: Vec<u64> = (0..20).collect();
    assert_eq!(list(&mut connection, "right").await, expect);
    assert_eq!(
        list(&mut connection, "left").await,
        expect.iter().rev().copied().collect::<Vec<_>>()
    );
    let entries: Vec<(String, Vec<(String, String)>)> = redis::cmd("XRANGE")
        .arg("stream")
        .arg("-")
        .arg("+")
        .query_async(&mut connection)
        .await
        .unwrap();
    let lines: Vec<_> = entries.iter().map(|(_, fields)| number(fields[1].1.as_bytes())).collect();
    assert_eq!(lines, expect);
    assert!(entries[0].1[0].1.ends_with("-1"));

    // Gone, and back with nothing in it: what was stored meanwhile comes.
    drop(connection);
    drop(server_1);
    ingress.receive(event("e", 20)).await.unwrap();
    until("told", || ingress.stats().sinks.iter().all(|sink| sink.error.is_some())).await;
    let _ = std::fs::remove_file(place.0.join("redis.sock"));
    let (_server_2, _) = server(&place);
    until("delivered", || ingress.stats().spool_records == 0).await;
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    assert_eq!(list(&mut connection, "right").await, [20]);

    // A key of another type: the record waits until it is out of the way.
    let _: () = redis::cmd("SET").arg("right").arg("x").query_async(&mut connection).await.unwrap();
    ingress.receive(event("e", 21)).await.unwrap();
    until("refused", || {
        ingress.stats().sinks[2].lag_records == 1 && ingress.stats().sinks[2].error.is_some()
    })
    .await;
    let _: () = redis::cmd("DEL").arg("right").query_async(&mut connection).await.unwrap();
    until("delivered", || ingress.stats().spool_records == 0).await;
    assert_eq!(list(&mut connection, "right").await, [21]);
    assert!(ingress.close(LIMIT).await);
}

#[test]
fn a_url_that_is_none_is_refused_without_being_repeated() {
    let error = RedisSink::new("http://secret@a", RedisKind::Channel, "k", "n").unwrap_err();
    assert!(!error.to_string().contains("secret"));
}
