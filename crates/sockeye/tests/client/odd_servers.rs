//! Servers that do what ours does not: send too early, say too little.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use sockeye::{
    client::{
        Client, CloseCode, CloseReason, ConnectError, ConnectionState, Disconnect, Left, Reason,
        Socket, Transport, TransportError, Tried, Version,
    },
    event::{Args, State},
    ws::{self, Message, WebSocket},
};
use sockeye_testkit::stub;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

use super::server::{PATIENCE, QUICK, soon};

pub(crate) const OPEN_4: &str =
    r#"0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100000}"#;
const OPEN_3: &str = r#"0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;

/// A server of one WebSocket after the other, by hand; its URL.
pub(crate) async fn serve<F: Future<Output = ()> + Send>(
    talk: impl Fn(WebSocket) -> F + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            talk(ws::accept(stream).await.unwrap()).await;
        }
    });
    url
}

pub(crate) async fn say(socket: &mut WebSocket, texts: &[&str]) {
    for text in texts {
        socket.send(*text).await.unwrap();
    }
}

pub(crate) async fn expect(socket: &mut WebSocket, text: &str) {
    let message = soon(socket.recv()).await.unwrap();
    assert_eq!(message, Some(Message::from(text)));
}

/// A server that answers whatever it is asked with this body; its URL.
fn answer_all(body: &str) -> String {
    let answer = stub::response("200 OK", "", body);
    let address = stub::listen(move |mut stream| {
        stub::Request::read(&mut stream)?;
        std::io::Write::write_all(&mut stream, answer.as_bytes())
    });
    format!("http://{}", address.unwrap())
}

/// As servers send it whose configuration keeps numbers as texts.
#[tokio::test]
async fn a_handshake_is_read_by_its_meaning() {
    const OPEN: &str = r#"0{"sid":77,"pingInterval":"25000","pingTimeout":2e4,"maxPayload":"1e6"}"#;
    let url = serve(|mut socket: WebSocket| async move {
        say(&mut socket, &[OPEN]).await;
        expect(&mut socket, "40").await;
        say(&mut socket, &[r#"40{"sid":"x"}"#]).await;
        while let Ok(Some(_)) = socket.recv().await {}
    })
    .await;
    let client = soon(Client::builder(url).websocket_only().connect()).await.unwrap();
    soon(client.close()).await;
}

#[tokio::test]
async fn a_handshake_that_can_not_be_read_is_told_by_its_field() {
    for (version, known) in
        [Version::V3, Version::V4].into_iter().flat_map(|one| [(one, Some(one)), (one, None)])
    {
        let open = OPEN_4.replacen("25000", "\"soon\"", 1);
        let body = match version {
            Version::V3 => format!("{}:{open}", open.len()),
            _ => open.clone(),
        };
        let by_polling = answer_all(&body);
        let by_websocket = serve(move |mut socket: WebSocket| {
            let open = open.clone();
            async move {
                say(&mut socket, &[&open]).await;
                while let Ok(Some(_)) = socket.recv().await {}
            }
        })
        .await;
        for (url, transport) in
            [(by_polling, Transport::Polling), (by_websocket, Transport::WebSocket)]
        {
            let mut builder = Client::builder(&url).transports([transport]);
            if let Some(version) = known {
                builder = builder.version(version);
            }
            let error = soon(builder.connect()).await.unwrap_err();
            let ConnectError::Open(error) = error else { panic!("{transport}: {error}") };
            let [Tried { error: TransportError::BrokenHandshake(_), .. }] = &error.tried[..] else {
                panic!("{transport}: {error}")
            };
            assert!(error.to_string().contains(r#"pingInterval is "soon"; expected"#), "{error}");
        }
    }
}

/// As python-socketio and netty-socketio do with what connect handlers emit.
#[tokio::test]
async fn events_before_the_answer_to_connect_are_handled_behind_it() {
    type Log = mpsc::UnboundedSender<String>;
    async fn joined(State(log): State<Log>, socket: Socket) {
        tokio::task::yield_now().await;
        log.send(format!("joined {}", socket.namespace())).unwrap();
    }
    async fn greeted(State(log): State<Log>, Args((text,)): Args<(String,)>) {
        log.send(text).unwrap();
    }
    let url = serve(|mut socket: WebSocket| async move {
        say(&mut socket, &[OPEN_4]).await;
        expect(&mut socket, "40/chat,").await;
        say(&mut socket, &[r#"42/chat,["greet","early"]"#, r#"40/chat,{"sid":"x"}"#]).await;
        say(&mut socket, &[r#"42/chat,["greet","late"]"#]).await;
        expect(&mut socket, "41/chat,").await;
    })
    .await;
    let (log, mut logged) = mpsc::unbounded_channel();
    let builder = Client::builder(format!("{url}/chat")).websocket_only().state::<Log>(log);
    let builder = builder.on_connect(joined).on("greet", greeted);
    let client = soon(builder.connect()).await.unwrap();
    for expect in ["joined /chat", "early", "late"] {
        assert_eq!(soon(logged.recv()).await.unwrap(), expect);
    }
    client.leave();
    soon(client.closed()).await;
}

/// As in npm's server 2, which answers nothing when it lets somebody into `/` again.
#[tokio::test]
async fn the_root_of_version_3_is_joined_again_by_a_new_session() {
    let sessions = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&sessions);
    let url = serve(move |mut socket: WebSocket| {
        let session = counts.fetch_add(1, Ordering::Relaxed);
        async move {
            say(&mut socket, &[OPEN_3, "40"]).await;
            if session == 0 {
                say(&mut socket, &["41"]).await;
            } else {
                say(&mut socket, &[r#"42["greet","again"]"#]).await;
            }
            while let Ok(Some(_)) = socket.recv().await {}
        }
    })
    .await;
    let builder = Client::builder(&url).websocket_only().reconnect(QUICK).events(1);
    let builder = builder.rejoin_if(|left| matches!(left, Left::ServerDisconnect));
    let client = builder.start().unwrap();
    let greet = soon(client.next("greet")).await.unwrap();
    assert_eq!(greet.args.text(), r#""again""#);
    assert_eq!(sessions.load(Ordering::Relaxed), 2);
    soon(client.close()).await;
}

/// As Werkzeug does, which waits for another request on what was a WebSocket.
#[tokio::test]
async fn a_server_that_never_ends_the_stream_holds_nobody_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // It speaks through a pipe, whose other end stays open when it is done.
        let (near, far) = tokio::io::duplex(1_000);
        let (mut read, mut write) = stream.into_split();
        let (mut far_read, mut far_write) = tokio::io::split(far);
        let talk = async {
            let mut socket = ws::accept(near).await.unwrap();
            say(&mut socket, &[OPEN_4]).await;
            expect(&mut socket, "40").await;
            say(&mut socket, &[r#"40{"sid":"x"}"#]).await;
            while let Ok(Some(_)) = socket.recv().await {}
        };
        let up = tokio::io::copy(&mut read, &mut far_write);
        let down = async {
            let mut bytes = [0; 1_000];
            while let Ok(count @ 1..) = far_read.read(&mut bytes).await {
                write.write_all(&bytes[..count]).await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = async { tokio::join!(talk, up) } => {}
            () = down => {}
        }
    });
    let client = soon(Client::builder(url).websocket_only().connect()).await.unwrap();
    let start = Instant::now();
    soon(client.close()).await;
    assert!(start.elapsed() < PATIENCE / 10, "{:?}", start.elapsed());
    soon(serving).await.unwrap();
}

#[tokio::test]
async fn a_version_that_the_server_does_not_speak_is_told() {
    let url = serve(|mut socket: WebSocket| async move {
        say(&mut socket, &[OPEN_3, "40"]).await;
        while let Ok(Some(_)) = socket.recv().await {}
    })
    .await;
    // Also if it has no answer for the namespace that is asked for.
    for url in [url.clone(), format!("{url}/chat")] {
        let builder = Client::builder(&url).websocket_only().version(Version::V4);
        let error = soon(builder.connect()).await.unwrap_err();
        let ConnectError::Open(error) = error else { panic!("{error}") };
        let [Tried { error: TransportError::OtherVersion { found: Version::V3 }, .. }] =
            &error.tried[..]
        else {
            panic!("{error}")
        };
    }

    // As npm's servers do: they agree to a WebSocket, and then refuse in HTTP.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (near, far) = tokio::io::duplex(1_000);
        let (mut read, mut write) = stream.into_split();
        let (mut far_read, mut far_write) = tokio::io::split(far);
        let up = tokio::io::copy(&mut read, &mut far_write);
        let down = tokio::io::copy(&mut far_read, &mut write);
        tokio::select! {
            _ = ws::accept(near) => {}
            _ = up => {}
            _ = down => {}
        }
        let refusal = r#"{"code":5,"message":"Unsupported protocol version"}"#;
        let refusal = format!("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n{refusal}");
        let _ = tokio::io::copy(&mut far_read, &mut write).await;
        write.write_all(refusal.as_bytes()).await.unwrap();
    });
    let builder = Client::builder(&url).websocket_only().version(Version::V3);
    let error = soon(builder.connect()).await.unwrap_err();
    assert!(error.to_string().contains("Unsupported protocol version (code 5)"), "{error}");
}

#[tokio::test]
async fn a_silent_server_is_left_without_goodbye() {
    let url = serve(|mut socket: WebSocket| async move {
        let open =
            r#"0{"sid":"a","upgrades":[],"pingInterval":50,"pingTimeout":50,"maxPayload":9}"#;
        say(&mut socket, &[open, r#"40{"sid":"x"}"#]).await;
        std::future::pending::<()>().await; // it reads nothing, not even a close frame
    })
    .await;
    let builder = Client::builder(url).websocket_only().reconnect(QUICK);
    let client = soon(builder.connect()).await.unwrap();
    let start = Instant::now();
    let lost = |state: &ConnectionState| !state.is_connected();
    let state = soon(client.state().wait_for(lost)).await.unwrap().clone();
    assert!(start.elapsed() < PATIENCE / 20, "{:?}", start.elapsed());
    let ConnectionState::Reconnecting { because, .. } = state else { panic!("{state:?}") };
    assert_eq!(because.reason, Reason::PingTimeout);
}

/// It pings, or asks for acks, and reads nothing.
#[tokio::test]
async fn a_server_that_asks_for_more_than_it_reads_is_given_up() {
    for flood in ["2", r#"4217["ask",""#] {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8_192).unwrap(); // what it does not read waits at the client
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let flooding = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = ws::accept(stream).await.unwrap();
            say(&mut socket, &[OPEN_4, r#"40{"sid":"x"}"#]).await;
            let filler = "x".repeat(10_000);
            let end = if flood == "2" { "" } else { "\"]" };
            let text = format!("{flood}{filler}{end}");
            while socket.send(&*text).await.is_ok() {}
        });
        let builder = Client::builder(url).websocket_only().no_reconnect();
        let client = soon(builder.connect()).await.unwrap();
        let CloseReason::Lost(because) = soon(client.closed()).await else { panic!() };
        assert_eq!(because.reason, Reason::SlowConsumer, "{because}");
        soon(flooding).await.unwrap();
    }
}

#[tokio::test]
async fn the_words_of_a_close_frame_are_told() {
    let url = serve(|mut socket: WebSocket| async move {
        say(&mut socket, &[OPEN_4, r#"40{"sid":"x"}"#]).await;
        soon(socket.close(CloseCode::new(4001).unwrap(), "bye\n\u{202E}")).await.unwrap();
    })
    .await;
    let client = Client::builder(url).websocket_only().no_reconnect().start().unwrap();
    let CloseReason::Lost(because) = soon(client.closed()).await else { panic!() };
    let close = because.close.as_ref().unwrap();
    assert_eq!((close.code.as_u16(), &*close.reason), (4001, "bye\n\u{202E}"));
    assert!(because.to_string().contains(r#", close code 4001 "bye\n\u{202e}""#), "{because}");
}

/// What it was that made this side end the connection.
#[tokio::test]
async fn what_the_server_did_wrong_is_told() {
    #[track_caller]
    fn check(because: &Disconnect, reason: Reason, cause: &str) {
        assert_eq!(because.reason, reason, "{because}");
        assert!(because.cause.as_ref().is_some_and(|found| found.contains(cause)), "{because}");
        assert!(because.to_string().contains(cause), "{because}");
    }
    for (wrong, reason, cause) in [
        (r#"42["v",NaN]"#, Reason::ParseError, "not JSON from byte"),
        ("49", Reason::ParseError, "unreadable Socket.IO packet"),
        ("x", Reason::ParseError, "unreadable Engine.IO message"),
        ("0{}", Reason::TransportError, "not expected here"),
    ] {
        let url = serve(move |mut socket: WebSocket| async move {
            say(&mut socket, &[OPEN_4, r#"40{"sid":"x"}"#, wrong]).await;
            while let Ok(Some(_)) = socket.recv().await {}
        })
        .await;
        let client = Client::builder(url).websocket_only().no_reconnect().start().unwrap();
        let CloseReason::Lost(because) = soon(client.closed()).await else { panic!("{wrong}") };
        check(&because, reason, cause);
        assert!(because.is_violation, "{because}");
    }

    // And by HTTP: it opens a session, and takes no POST.
    let refuses = |status: u16| {
        let get = |query: axum::extract::RawQuery| async move {
            if query.0.unwrap_or_default().contains("sid=") {
                std::future::pending::<()>().await;
            }
            OPEN_4
        };
        let post = move || async move {
            (axum::http::StatusCode::from_u16(status).unwrap(), "<h1>no, thanks</h1>")
        };
        axum::Router::new().route("/socket.io/", axum::routing::get(get).post(post))
    };
    for status in [400, 413, 502] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, refuses(status)).await.unwrap() });
        let client = Client::builder(url).no_reconnect().start().unwrap();
        let CloseReason::Lost(because) = soon(client.closed()).await else { panic!("{status}") };
        check(
            &because,
            Reason::TransportError,
            &format!("a POST failed: the server answered {status}"),
        );
        check(&because, Reason::TransportError, "no, thanks");
        assert!(!because.is_violation, "{because}");
    }
}

#[tokio::test]
async fn what_the_server_did_wrong_with_its_frames_is_told() {
    for (bytes, cause) in [
        (&b"\x81\x02\x34\xff"[..], "text is not UTF-8"),
        (b"\x88\x03\x03\xe8\xff", "text is not UTF-8"),
        (b"\xc1\x01\x36", "reserved bit set"),
        (b"\xa1\x01\x36", "reserved bit set"),
        (b"\x81\x81\0\0\0\0\x36", "frame is masked"),
        (b"\x83\x00", "opcode 0x3 is reserved"),
        (b"\x8b\x00", "opcode 0xb is reserved"),
        (b"\x89\x7e\x00\x7e", "control frame longer than 125 bytes"),
        (b"\x09\x00", "control frame without FIN"),
        (b"\x88\x01\x03", "body of one byte"),
        (b"\x88\x02\x00\x00", "close code 0 must not be sent"),
        (b"\x88\x02\x03\xed", "close code 1005 must not be sent"),
        (b"\x80\x01\x36", "continuation frame, but no message was begun"),
        (b"\x01\x01\x34\x81\x01\x36", "new message before the last fragment"),
        (b"\x81\x7e\x00\x01\x36", "not in its shortest form"),
        (b"\x82\x7f\x80\0\0\0\0\0\0\0", "does not fit in 63 bits"),
        (b"\x82\x7f\x7f\0\0\0\0\0\0\0", "message is longer than"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            let stream = listener.accept().await.unwrap().0.into_std().unwrap();
            let mut raw = stream.try_clone().unwrap();
            let mut socket =
                ws::accept(tokio::net::TcpStream::from_std(stream).unwrap()).await.unwrap();
            say(&mut socket, &[OPEN_4, r#"40{"sid":"x"}"#]).await;
            std::io::Write::write_all(&mut raw, bytes).unwrap();
            let told = soon(socket.recv()).await; // CONNECT
            assert!(matches!(told, Ok(Some(_))), "{told:?}");
            soon(socket.recv()).await
        });
        let client = Client::builder(url).websocket_only().no_reconnect().start().unwrap();
        let CloseReason::Lost(because) = soon(client.closed()).await else { panic!("{cause}") };
        assert_eq!(because.reason, Reason::TransportError, "{because}");
        assert!(because.is_violation && because.to_string().contains(cause), "{because}");
        let told = soon(serving).await.unwrap();
        assert!(format!("{told:?}").contains(cause), "the server hears it, too: {told:?}");
    }
}

/// A URL could not hold it.
#[tokio::test]
async fn a_session_id_of_any_length_is_survived() {
    for bytes in [4_096, 4_097, 65_000, 70_000, 200_000] {
        let get = move |query: axum::extract::RawQuery| async move {
            if query.0.unwrap_or_default().contains("sid=") {
                std::future::pending::<()>().await;
            }
            OPEN_4.replacen('a', &"a".repeat(bytes), 1)
        };
        let app = axum::Router::new().route("/socket.io/", axum::routing::get(get));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let client = Client::builder(url).no_reconnect().start().unwrap();
        let because = soon(client.closed()).await.to_string();
        // One that can be sent is: only then there is somebody who refuses the POST.
        let cause = if bytes > 4_096 { "at most 4096 bytes" } else { "405" };
        assert!(because.contains(cause), "{bytes}: {because}");
    }
}
