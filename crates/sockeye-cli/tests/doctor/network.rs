//! The way to the server's port.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use tokio::{net::TcpSocket, runtime::Runtime, time};

use crate::{examined::examine, sandbox::Sandbox, stub};

#[test]
fn a_url_that_can_not_be_used() {
    let sandbox = Sandbox::new("doctor-url");
    for (url, text) in [
        ("ftp://h", "http://"),
        ("h:3000", "http://"),
        ("http://", "server"),
        ("http://h:0", "port"),
        ("http://h:99999/imchat", "port"),
        ("http://me:hush@h", "authorization"),
        ("http://h h/", "URL"),
        ("http://h|h/", "URL"),
    ] {
        let examined = examine(&sandbox, &[url]).is("bad-url", 2).checks(&[("url", Some(false))]);
        examined.says("fix", &[text]).hides(&["hush"]);
    }
    let running = crate::server::Running::start();
    let bare = running.url.trim_start_matches("http://");
    let examined = examine(&sandbox, &[&format!("{bare}/imchat")]).is("bad-url", 2);
    examined.says("command", &[&running.at("/imchat")]).fix_works(&sandbox);
    // A query that fits a URL, but no request; and one that fits neither. Beside the URL it is the same.
    let url = running.at("/imchat");
    for bytes in [65_500, 70_000] {
        let long = format!("q={}", "x".repeat(bytes));
        for args in [&[&*format!("{url}?{long}")][..], &[&url, "--query", &long]] {
            let examined = examine(&sandbox, args).is("bad-url", 2);
            let examined = examined.says("cause", &["shorten the query"]);
            let command = examined.says("command", &[&format!("sockeye doctor {url}")]);
            command.fix_works(&sandbox);
        }
    }
}

#[test]
fn a_name_without_address() {
    let sandbox = Sandbox::new("doctor-dns");
    let examined = examine(&sandbox, &["http://nowhere.invalid/imchat", "--timeout", "8s"]);
    let examined = examined.is("dns-failed", 3).says("cause", &["nowhere.invalid"]);
    examined.checks(&[("url", Some(true)), ("dns", Some(false))]);
}

#[test]
fn a_port_where_nothing_listens() {
    let sandbox = Sandbox::new("doctor-refused");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let examined = examine(&sandbox, &[&format!("http://{address}")]);
    let examined = examined.is("connection-refused", 3).says("cause", &[&address]);
    examined.checks(&[("dns", Some(true)), ("tcp", Some(false))]);
}

#[cfg(target_os = "linux")] // elsewhere a full queue refuses
#[test]
fn an_address_that_does_not_answer() {
    let sandbox = Sandbox::new("doctor-timeout");
    let runtime = Runtime::new().unwrap();
    let (listener, _waiting) = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        // Once its queue is full, the kernel answers nobody.
        let mut waiting = Vec::new();
        let connect =
            || time::timeout(Duration::from_millis(300), tokio::net::TcpStream::connect(address));
        while let Ok(stream) = connect().await {
            waiting.push(stream.unwrap());
            assert!(waiting.len() < 100, "the queue has no end");
        }
        (listener, waiting)
    });
    let url = format!("http://{}", listener.local_addr().unwrap());
    let examined = examine(&sandbox, &[&url, "--timeout", "400ms"]);
    examined.is("connect-timeout", 3).checks(&[("tcp", Some(false))]).says("cause", &["400ms"]);
}

#[cfg(target_os = "linux")] // other systems have other words for it
#[test]
fn an_address_without_a_way_to_it() {
    let sandbox = Sandbox::new("doctor-unreachable");
    // A broadcast address takes no connections.
    let examined = examine(&sandbox, &["http://255.255.255.255:3000", "--timeout", "2s"]);
    let examined = examined.is("network-unreachable", 3).checks(&[("tcp", Some(false))]);
    examined.says("cause", &["255.255.255.255:3000"]);
}

#[test]
fn a_server_that_says_nothing() {
    let sandbox = Sandbox::new("doctor-mute");
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", mute.local_addr().unwrap());
    let began = Instant::now();
    let examined = examine(&sandbox, &[&url, "--timeout", "500ms"]).is("no-answer", 5);
    examined.checks(&[
        ("tcp", Some(true)),
        ("polling-eio4", Some(false)),
        ("websocket-eio4", Some(false)),
    ]);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    // One that closes at once says nothing either.
    let closing = format!("http://{}", stub::listen(|_| Ok(())));
    examine(&sandbox, &[&closing]).is("no-answer", 5).says("cause", &["closes"]);
}

#[test]
fn a_proxy_on_the_way_takes_the_place_of_the_network() {
    let sandbox = Sandbox::new("doctor-proxy");
    let running = crate::server::Running::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://me:hush@{}", listener.local_addr().unwrap());
    drop(listener);
    let examined = examine(&sandbox, &[&running.url, "-x", &nobody]).is("connection-refused", 3);
    let examined = examined.checks(&[("dns", None), ("tcp", None), ("tls", Some(false))]);
    examined.hides(&["hush"]).fix_works(&sandbox);
}
