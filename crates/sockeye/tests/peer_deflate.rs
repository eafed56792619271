//! npm's servers compress what they send by WebSocket, if the client lets them.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sockeye::{
    client::{Client, Deflate},
    event::Args,
};
use sockeye_testkit::host_peer::Host;
use tokio::{
    io::{self, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// What lies between, and counts what the server sends.
async fn counting(target: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let counted = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&counted);
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(&target).await.unwrap();
            let counts = Arc::clone(&counts);
            tokio::spawn(async move {
                let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(async move { io::copy(&mut from_client, &mut to_server).await });
                let mut buffer = vec![0; 1 << 16];
                while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
                    counts.fetch_add(read, Ordering::SeqCst);
                    if to_client.write_all(&buffer[..read]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (url, counted)
}

async fn test(host: Host) {
    let Some(server) = host.launch(&["--deflate"]) else { return };
    let target = server.ready().trim_start_matches("http://").to_owned();
    for (deflate, websocket_only) in [(true, true), (true, false), (false, true)] {
        let (url, counted) = counting(target.clone()).await;
        let mut builder = Client::builder(url).events(10);
        if deflate {
            builder = builder.deflate(Deflate::default());
        }
        if websocket_only {
            builder = builder.websocket_only();
        }
        let client = builder.connect().await.unwrap();
        // On polling it may still be on its way to WebSocket: what matters is how the last ones come.
        let mut last = 0;
        let compressed = async {
            loop {
                let before = counted.load(Ordering::SeqCst);
                client.call::<Args<()>>("big", (100_000,)).timeout(PATIENCE).await.unwrap();
                let big = client.next("big").await.unwrap();
                assert_eq!(big.args.parse::<(String,)>().unwrap().0, "x".repeat(100_000));
                last = counted.load(Ordering::SeqCst) - before;
                if !deflate || last < 10_000 {
                    break;
                }
            }
        };
        time::timeout(PATIENCE, compressed).await.expect("compressed in time");
        assert!(deflate || last > 100_000, "{host:?}: {last} bytes without compression");
        let echoed: String = client.call("echo", ("é🦊",)).timeout(PATIENCE).await.unwrap();
        assert_eq!(echoed, "é🦊");
        client.close().await;
    }
}

#[tokio::test]
async fn npm_4() {
    test(Host::Npm4).await;
}

#[tokio::test]
async fn npm_2() {
    test(Host::Npm2).await;
}
