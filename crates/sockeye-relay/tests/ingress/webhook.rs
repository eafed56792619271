//! A webhook, against a server by hand.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sockeye::client::Proxy;
use sockeye_relay::ingress::{
    Ingress, Receiver as _, SinkPlan, Spool, SpoolOptions, sink::Webhook,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::place::{LIMIT, Place, event, number, quick, until};

struct Asked {
    headers: HashMap<String, String>,
    body: Vec<u8>,
    stream: TcpStream,
    at: Instant,
}

/// Takes a connection and reads a request.
async fn asked(listener: &TcpListener) -> Asked {
    let read = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        let end = loop {
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        assert!(head.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{head}");
        let headers: HashMap<_, _> = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length: usize = headers["content-length"].parse().unwrap();
        let mut body = bytes.split_off(end);
        while body.len() < length {
            assert!(stream.read_buf(&mut body).await.unwrap() > 0);
        }
        Asked { headers, body, stream, at: Instant::now() }
    };
    timeout(LIMIT, read).await.unwrap()
}

impl Asked {
    async fn answer(mut self, head: &str) {
        let text = format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }
}

async fn hooked(place: &Place, time: Duration, attempts: u32) -> (TcpListener, Spool, Ingress) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?a=b", listener.local_addr().unwrap());
    let hook = Webhook::builder(url)
        .secret("whsec_c2VjcmV0")
        .timeout(time)
        .dial(|dialer| dialer.proxy(Proxy::none()))
        .build()
        .unwrap();
    let mut plan = SinkPlan::new("hook", hook);
    plan.backoff = quick();
    plan.max_attempts = attempts;
    let spool = place.spool(SpoolOptions::default());
    let ingress = Ingress::start(spool.clone(), vec![plan]).await.unwrap();
    (listener, spool, ingress)
}

#[tokio::test]
async fn requests_are_signed_tried_again_and_in_order() {
    let place = Place::new("hook");
    let (listener, spool, ingress) = hooked(&place, LIMIT, 5).await;
    for number in 1..=3 {
        ingress.receive(event("e", number)).await.unwrap();
    }
    let first = asked(&listener).await;
    let (id, seconds) = (&first.headers["webhook-id"], &first.headers["webhook-timestamp"]);
    assert_eq!((id, id), (&format!("{}-1", spool.name()), &first.headers["idempotency-key"]));
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(&first.body);
    let signature = first.headers["webhook-signature"].strip_prefix("v1,").unwrap();
    mac.verify_slice(&BASE64_STANDARD.decode(signature).unwrap()).unwrap();
    let id = id.clone();
    first.answer("500 Oops").await;

    let again = asked(&listener).await;
    assert_eq!(again.headers["webhook-id"], id);
    let before = again.at;
    again.answer("429 Slow\r\nretry-after: 1").await;
    let third = asked(&listener).await;
    assert!(third.at - before >= Duration::from_secs(1));
    third.answer("200 OK").await;

    let refused = asked(&listener).await;
    assert_eq!(number(&refused.body), 2);
    refused.answer("400 No").await;
    let last = asked(&listener).await;
    assert_eq!(number(&last.body), 3);
    last.answer("204 Fine").await;
    until("drained", || ingress.stats().spool_records == 0).await;
    let mut records = place.dead();
    let dead = records.list(0, 10).unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!((&*dead[0].sink, number(dead[0].line.as_bytes())), ("hook", 2));
    assert!(dead[0].reason.contains("400"), "{}", dead[0].reason);
    let sink = ingress.stats().sinks[0].clone();
    assert_eq!((sink.delivered, sink.failed, sink.dead), (2, 3, 1));
    assert_eq!(records.drop(None).unwrap(), 1);
    assert!(records.list(0, 10).unwrap().is_empty());
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let place = Place::new("silent");
    let (listener, _spool, ingress) = hooked(&place, Duration::from_millis(100), 2).await;
    ingress.receive(event("e", 1)).await.unwrap();
    let _kept = [asked(&listener).await, asked(&listener).await];
    until("given up", || ingress.stats().sinks[0].dead == 1).await;
    let dead = place.dead().list(0, 10).unwrap();
    assert!(dead[0].reason.contains("100 ms"), "{}", dead[0].reason);
}

#[tokio::test]
async fn a_server_that_is_not_reached_is_waited_for() {
    let place = Place::new("unreached");
    // It takes connections, and never says a word of TLS: nothing was asked of it then.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = Webhook::builder(format!("https://{}/", listener.local_addr().unwrap()))
        .timeout(Duration::from_millis(20))
        .dial(|dialer| dialer.proxy(Proxy::none()).timeout(Duration::from_millis(100)))
        .build()
        .unwrap();
    let mut plan = SinkPlan::new("hook", hook);
    plan.backoff = quick();
    plan.max_attempts = 2;
    let ingress = place.ingress(SpoolOptions::default(), vec![plan]).await;
    ingress.receive(event("e", 1)).await.unwrap();
    until("tried", || ingress.stats().sinks[0].failed > 3).await;
    assert_eq!((ingress.stats().sinks[0].dead, ingress.stats().spool_records), (0, 1));
    let error = ingress.stats().sinks[0].error.clone().unwrap_or_default();
    assert!(!error.contains("20 ms"), "{error}");
}

#[tokio::test]
async fn what_can_not_be_a_webhook_is_refused() {
    for url in ["ftp://a/", "nonsense", "https://user:word@a/"] {
        assert!(Webhook::builder(url).build().is_err(), "{url}");
    }
    assert!(Webhook::builder("http://a/").secret("whsec_%").build().is_err());
}
