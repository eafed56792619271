//! A login, sentinels and a cluster lead to the queue as well.

use std::time::Duration;

use sockeye_relay::queue::{Options, QueueError, Settled, open};
use sockeye_testkit::RedisServer;

use crate::conformance::steps::*;

#[tokio::test]
async fn a_user_may_have_no_more_than_the_queue() {
    let Some(redis) = RedisServer::start_on_port(&[]).unwrap() else { return };
    redis
        .call(&[
            "ACL",
            "SETUSER",
            "relay",
            "on",
            ">p@ss",
            "~{tasks}*",
            "~tasks",
            "+@all",
            "-@dangerous",
        ])
        .unwrap();
    let port = redis.port().unwrap();
    let url = |login: &str| format!("redis://{login}@127.0.0.1:{port}/0?list=tasks");
    let queue = open(&url("relay:p%40ss"), Options::default()).await.unwrap();
    put(&queue, &["a"]).await;
    let claimed = claim(&queue, 1).await;
    assert_eq!(settle(&queue, &claimed[0], done()).await, Settled::Stored);
    let error = open(&url("relay:wrong-one"), Options::default()).await.unwrap_err();
    assert!(matches!(error, QueueError::Unusable { .. }), "{error}");
    assert!(!error.to_string().contains("wrong-one"), "{error}");
}

#[tokio::test]
async fn a_cluster_has_it_in_one_slot() {
    let Some(redis) = RedisServer::start_on_port(&["--cluster-enabled", "yes"]).unwrap() else {
        return;
    };
    redis.call(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).unwrap();
    redis.wait_for(&["CLUSTER", "INFO"], |said| said.contains("cluster_state:ok")).unwrap();
    for fields in ["list=tasks", "stream=events"] {
        let url = format!("redis+cluster://127.0.0.1:{}?{fields}", redis.port().unwrap());
        let queue = open(&url, Options::default()).await.unwrap();
        put(&queue, &["a", "b"]).await;
        let claimed = claim_within(&queue, 10, LONG).await;
        assert_eq!(bodies(&claimed), ["a", "b"]);
        assert_eq!(settle(&queue, &claimed[0], done()).await, Settled::Stored);
        assert!(queue.renew().await.unwrap());
        queue.sweep().await.unwrap();
        queue.close().await.unwrap();
    }
}

#[tokio::test]
async fn sentinels_lead_to_the_new_master() {
    let Some(master) = RedisServer::start_on_port(&[]).unwrap() else { return };
    let port = master.port().unwrap();
    let replica = RedisServer::start_on_port(&["--replicaof", &format!("127.0.0.1 {port}")])
        .unwrap()
        .unwrap();
    replica
        .wait_for(&["INFO", "replication"], |said| said.contains("master_link_status:up"))
        .unwrap();
    let config = format!(
        "sentinel monitor mymaster 127.0.0.1 {port} 1\nsentinel down-after-milliseconds mymaster 1000\n"
    );
    let sentinel = RedisServer::start_sentinel(&config).unwrap().unwrap();
    sentinel
        .wait_for(&["SENTINEL", "REPLICAS", "mymaster"], |said| said.contains("slave"))
        .unwrap();
    let url = format!(
        "redis+sentinel://127.0.0.1:{}/0?master=mymaster&list=tasks",
        sentinel.port().unwrap()
    );
    let queue = open(&url, Options::default()).await.unwrap();
    put(&queue, &["a", "b"]).await;
    let claimed = claim(&queue, 1).await;
    replica.wait_for(&["LLEN", "tasks"], |said| said == "1").unwrap();
    sentinel.wait_for(&["SENTINEL", "FAILOVER", "mymaster"], |said| said == "OK").unwrap();
    replica.wait_for(&["ROLE"], |said| said.starts_with("master")).unwrap();
    // What the old one takes until then is lost with it, as with any failover.
    master.wait_for(&["ROLE"], |said| said.starts_with("slave")).unwrap();
    let settled = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            match queue.settle(vec![settlement(&claimed[0], done())]).await {
                Ok(settled) => return settled,
                Err(error) => assert!(error.is_passing(), "{error}"),
            }
        }
    });
    assert_eq!(settled.await.unwrap(), [Settled::Stored]);
    replica.wait_for(&["ZSCORE", "{tasks}:done", "a"], |said| !said.is_empty()).unwrap();
}

#[tokio::test]
async fn tls_trusts_the_authority_that_is_named_and_no_other() {
    let Some(redis) = RedisServer::start(&[]).unwrap() else { return };
    let file = |name: &str| redis.folder().join(name).display().to_string();
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(file("own.pem"), own.cert.pem()).unwrap();
    std::fs::write(file("stranger.pem"), stranger.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), own.signing_key.serialize_pem()).unwrap();
    // Let go a moment before Redis takes it.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (cert, key, number) = (file("own.pem"), file("key.pem"), port.to_string());
    let words = [
        "CONFIG",
        "SET",
        "tls-cert-file",
        &cert,
        "tls-key-file",
        &key,
        "tls-auth-clients",
        "no",
        "tls-port",
        &number,
    ];
    redis.call(&words).unwrap();
    let url =
        |trusted: &str| format!("rediss://localhost:{port}/0?list=tasks&cacert={}", file(trusted));
    let queue = open(&url("own.pem"), Options::default()).await.unwrap();
    put(&queue, &["a"]).await;
    assert_eq!(bodies(&claim(&queue, 1).await), ["a"]);
    assert!(open(&url("stranger.pem"), Options::default()).await.is_err());
}
