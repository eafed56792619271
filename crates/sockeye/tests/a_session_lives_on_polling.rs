//! HTTP polling carries a whole session: events and acks both ways, attachments, heartbeats, and every way to end it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{
    Notes, Read, Requests,
    http::{Answer, Http, ask, ask_with},
    polling::Polling,
    serve_app, until,
};
use sockeye::{
    event::{Ack, Args, RawArgs, State},
    server::{Builder, Namespace, Reason, Server, Socket},
};

const CLOSED: (u16, &str) = (400, r#"{"code":1,"message":"Session ID unknown"}"#);
const BAD: (u16, &str) = (400, r#"{"code":3,"message":"Bad request"}"#);

async fn left(reason: Reason, State(notes): State<Notes>) {
    notes.add(reason.to_string());
}

async fn echo(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}

async fn say(socket: Socket, args: RawArgs) {
    let _ = socket.emit("said", args);
}

async fn note(State(notes): State<Notes>, Args((text,)): Args<(String,)>) {
    notes.add(text);
}

async fn ask_back(socket: Socket, State(notes): State<Notes>) -> Ack<String> {
    // The answer comes with a POST, while the POST that brought this event is long over.
    let answer: String =
        socket.call("question", ()).timeout(Duration::from_secs(10)).await.unwrap();
    notes.add("answered");
    Ack(answer)
}

struct Scene {
    server: Server,
    url: String,
    read: Read,
    requests: Requests,
}

async fn scene(change: impl FnOnce(Builder) -> Builder) -> Scene {
    let (notes, read) = Notes::new();
    let namespace = Namespace::new()
        .on_disconnect(left)
        .on("echo", echo)
        .on("say", say)
        .on("note", note)
        .on("ask-back", ask_back)
        .on("blink", async |socket: Socket, State(notes): State<Notes>| {
            notes.add(socket.emit_volatile("blinked", ()).is_ok().to_string());
        })
        .on("blink-twice", async |socket: Socket, State(notes): State<Notes>| {
            let emit = |number: u8| socket.emit_volatile("blinked", number).is_ok();
            notes.add(format!("{} {}", emit(1), emit(2)));
        })
        .on("separate", async |socket: Socket| drop(socket.emit("said", "a\u{1E}b")))
        .on("close", async |socket: Socket| socket.close());
    let server = change(Server::builder().state(notes).namespace("/", namespace)).build().unwrap();
    let (url, requests) = Requests::serve(&server).await;
    Scene { server, url, read, requests }
}

/// Waits until nothing is left of a session, and the client learns it.
async fn gone(server: &Server, session: &mut Polling) {
    until(|| server.sessions() == 0).await;
    assert_eq!(session.get().await.brief(), CLOSED);
}

#[tokio::test]
async fn the_open_packet_has_exactly_these_keys() {
    let Scene { url, .. } = scene(|builder| builder).await;
    let session = Polling::open(&url).await;
    let expect = format!(
        r#"0{{"sid":"{}","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}}"#,
        session.sid
    );
    assert_eq!(session.opening.text(), expect);
    assert_eq!(session.sid.len(), 20);
}

#[tokio::test]
async fn upgrades_are_announced_where_there_are_any() {
    for (change, upgrades) in [
        ((|builder| builder) as fn(Builder) -> Builder, r#""upgrades":["websocket"]"#),
        (|builder| builder.upgrades(false), r#""upgrades":[]"#),
        (|builder| builder.websocket(false), r#""upgrades":[]"#),
    ] {
        let Scene { url, .. } = scene(change).await;
        let session = Polling::open(&url).await;
        assert!(session.opening.text().contains(upgrades), "{}", session.opening.text());
    }
}

#[tokio::test]
async fn events_and_acks_go_both_ways() {
    let Scene { url, mut read, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    assert_eq!(session.post(r#"420["echo","hello",1]"#).await.brief(), (200, "ok"));
    assert_eq!(session.get().await.text(), r#"430["hello",1]"#);
    // A GET that waits is answered when there is something to say.
    session.begin_get().await;
    session.post(r#"42["say","€"]"#).await;
    assert_eq!(session.get.read().await.text(), r#"42["said","€"]"#);
    // A handler waits for an ack that only a further POST can bring.
    session.post(r#"421["ask-back"]"#).await;
    assert_eq!(session.get().await.text(), r#"420["question"]"#);
    session.post(r#"430["because"]"#).await;
    assert_eq!(session.get().await.text(), r#"431["because"]"#);
    assert_eq!(read.next().await, "answered");
}

#[tokio::test]
async fn attachments_are_in_base64_without_a_digit() {
    let Scene { url, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    let body = "451-[\"say\",{\"_placeholder\":true,\"num\":0}]\u{1E}bAQIDBA==";
    assert_eq!(session.post(body).await.brief(), (200, "ok"));
    let answer = session.get().await;
    assert_eq!(answer.text(), "451-[\"said\",{\"_placeholder\":true,\"num\":0}]\u{1E}bAQIDBA==");
    // An empty one is just the letter; and an attachment may come in another POST than its packet.
    session.post(r#"451-["say",{"_placeholder":true,"num":0}]"#).await;
    session.post("b").await;
    let answer = session.get().await;
    assert_eq!(answer.text(), "451-[\"said\",{\"_placeholder\":true,\"num\":0}]\u{1E}b");
}

#[tokio::test]
async fn a_separator_inside_a_text_is_no_separator() {
    let Scene { url, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    session.post(r#"42["say","a\u001eb"]"#).await;
    assert_eq!(session.get().await.text(), r#"42["said","a\u001eb"]"#);
    // Nor in a text of the application's.
    session.post(r#"42["separate"]"#).await;
    assert_eq!(session.get().await.text(), r#"42["said","a\u001eb"]"#);
}

#[tokio::test]
async fn as_many_packets_as_fit_go_in_one_post() {
    let Scene { url, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    let packets: Vec<_> = (0..2_000).map(|n| format!(r#"42["say",{n}]"#)).collect();
    assert_eq!(session.post(&packets.join("\u{1E}")).await.brief(), (200, "ok"));
    let heard = session.packets(2_000).await;
    let expect: Vec<_> = (0..2_000).map(|n| format!(r#"42["said",{n}]"#)).collect();
    assert_eq!(heard, expect);
}

#[tokio::test]
async fn an_answer_carries_sixteen_packets_and_the_next_the_rest() {
    let Scene { server, url, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    let packets = |answer: &Answer| answer.text().split('\u{1E}').count();
    for number in 0..20 {
        server.of("/").emit("said", number).unwrap();
    }
    assert_eq!([packets(&session.get().await), packets(&session.get().await)], [16, 4]);
    // Attachments count, and stay with their packet.
    let file = Bytes::from_static(b"x");
    for _ in 0..6 {
        server.of("/").emit("said", (&file, &file)).unwrap();
    }
    assert_eq!([packets(&session.get().await), packets(&session.get().await)], [15, 3]);
    server.of("/").emit("said", (vec![&file; 20],)).unwrap();
    assert_eq!(packets(&session.get().await), 21);
}

#[tokio::test]
async fn volatile_packets_go_out_only_to_a_get_that_waits() {
    let Scene { url, mut read, requests, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    session.post(r#"42["blink"]"#).await;
    assert_eq!(read.next().await, "false");
    requests.arrived(session.begin_get()).await;
    session.post(r#"42["blink"]"#).await;
    assert_eq!(read.next().await, "true");
    assert_eq!(session.get.read().await.text(), r#"42["blinked"]"#);
    // The GET that waits has room for one.
    requests.arrived(session.begin_get()).await;
    session.post(r#"42["blink-twice"]"#).await;
    assert_eq!(read.next().await, "true false");
    assert_eq!(session.get.read().await.text(), r#"42["blinked",1]"#);
}

#[tokio::test]
async fn a_client_that_does_not_ask_is_a_slow_consumer() {
    let Scene { server, url, mut read, .. } = scene(|builder| builder.outbox(10, 1_000_000)).await;
    let mut session = Polling::join(&url).await;
    let events = [r#"42["say",1]"#; 11].join("\u{1E}");
    session.post(&events).await;
    assert_eq!(read.next().await, "slow consumer");
    gone(&server, &mut session).await;
}

#[tokio::test]
async fn the_server_pings_and_silence_ends_the_session() {
    let short = Duration::from_millis(200);
    let Scene { server, url, mut read, .. } =
        scene(|builder| builder.ping_interval(short).ping_timeout(short * 5)).await;
    let mut session = Polling::join(&url).await;
    for _ in 0..3 {
        assert_eq!(session.get().await.brief(), (200, "2"));
        assert_eq!(session.post("3").await.brief(), (200, "ok"));
    }
    assert_eq!(session.get().await.brief(), (200, "2"));
    assert_eq!(read.next().await, "ping timeout");
    gone(&server, &mut session).await;
}

#[tokio::test]
async fn who_asks_just_after_the_ping_timeout_is_refused() {
    let (interval, timeout) = (Duration::from_millis(300), Duration::from_millis(200));
    let Scene { url, .. } =
        scene(|builder| builder.ping_interval(interval).ping_timeout(timeout)).await;
    for _ in 0..3 {
        let mut session = Polling::open(&url).await;
        tokio::time::sleep(interval + timeout).await; // no condition: it is the time that counts
        assert_eq!(session.get().await.brief(), CLOSED);
    }
}

#[tokio::test]
async fn a_second_get_is_refused_the_first_learns_of_the_end_and_the_session_is_over() {
    let Scene { server, url, mut read, requests } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    requests.arrived(session.begin_get()).await;
    let mut second = session.another().await;
    second.send(&format!("GET {}", session.path()), "", b"").await;
    assert_eq!(second.read().await.brief(), BAD);
    assert_eq!(session.get.read().await.brief(), (200, "1"));
    assert_eq!(read.next().await, "transport error");
    gone(&server, &mut session).await;
}

#[tokio::test]
async fn a_second_post_is_refused_and_the_session_is_over() {
    let Scene { server, url, mut read, requests } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    let mut slow = session.another().await;
    let head =
        format!("POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n4", session.path());
    requests.arrived(slow.write(head.as_bytes())).await;
    assert_eq!(session.post(r#"42["note","no"]"#).await.brief(), BAD);
    assert_eq!(read.next().await, "transport error");
    slow.write(b"2[\"note\"]").await;
    assert_eq!(slow.read().await.status, 400);
    gone(&server, &mut session).await;
}

#[tokio::test]
async fn a_get_that_the_client_gives_up_ends_the_session() {
    let Scene { server, url, mut read, requests } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    requests.arrived(session.begin_get()).await;
    session.get = session.another().await; // drops the old one
    assert_eq!(read.next().await, "transport error");
    gone(&server, &mut session).await;
}

#[tokio::test]
async fn a_post_that_the_client_gives_up_ends_the_session() {
    let Scene { server, url, mut read, requests } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n42[\"note\",\"half\"]",
        session.path()
    );
    requests.arrived(session.post.write(head.as_bytes())).await;
    session.post = session.another().await;
    assert_eq!(read.next().await, "transport error");
    gone(&server, &mut session).await;
}

#[tokio::test]
async fn a_packet_that_can_not_be_read_ends_the_session_and_what_stood_before_it_counts() {
    for (bad, reason) in [
        ("9", "parse error"),
        ("", "parse error"),
        ("b#", "parse error"),
        ("4", "forced close"),
        ("42{}", "forced close"),
        ("2", "transport error"),
    ] {
        let Scene { server, url, mut read, .. } = scene(|builder| builder).await;
        let mut session = Polling::join(&url).await;
        let body = format!("42[\"note\",\"before\"]\u{1E}{bad}\u{1E}42[\"note\",\"behind\"]");
        assert_eq!(session.post(&body).await.brief(), BAD, "{bad:?}");
        assert_eq!(read.next().await, "before", "{bad:?}");
        assert_eq!(read.next().await, reason, "{bad:?}");
        let next = session.get().await;
        assert!(next.brief() == CLOSED || next.brief() == (200, "1"), "{bad:?}: {next:?}");
        gone(&server, &mut session).await;
    }
}

#[tokio::test]
async fn the_client_closes_and_its_waiting_get_is_let_go() {
    let Scene { server, url, mut read, requests } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    requests.arrived(session.begin_get()).await;
    assert_eq!(session.post("1").await.brief(), (200, "ok"));
    assert_eq!(session.get.read().await.brief(), (200, "6"));
    assert_eq!(read.next().await, "transport close");
    gone(&server, &mut session).await;
}

#[tokio::test]
async fn the_server_closes_and_the_waiting_get_says_so() {
    let Scene { server, url, mut read, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    session.begin_get().await;
    session.post(r#"42["close"]"#).await;
    // Apart from packets: official clients close before they have looked at those beside it.
    assert_eq!(session.get.read().await.brief(), (200, "41"));
    assert_eq!(session.get().await.brief(), (200, "1"));
    assert_eq!(read.next().await, "server namespace disconnect");
    gone(&server, &mut session).await;
}

#[tokio::test]
async fn the_server_closes_and_the_next_get_says_so() {
    let Scene { server, url, mut read, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    session.post(r#"42["close"]"#).await;
    assert_eq!(read.next().await, "server namespace disconnect");
    assert_eq!(session.get().await.brief(), (200, "41"));
    assert_eq!(session.get().await.brief(), (200, "1"));
    gone(&server, &mut session).await;
}

#[tokio::test]
async fn closing_the_server_tells_those_who_wait() {
    let Scene { server, url, mut read, requests } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    requests.arrived(session.begin_get()).await;
    assert_eq!(server.close(Duration::from_secs(5)).await, 0);
    assert_eq!(session.get.read().await.brief(), (200, "1"));
    assert_eq!(read.next().await, "server shutting down");
    let answer = ask(&url, "GET /socket.io/?EIO=4&transport=polling", "").await;
    assert_eq!(answer.brief(), (503, r#"{"code":4,"message":"Server is shutting down"}"#));
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn nobody_joins_and_the_session_ends() {
    let Scene { server, url, .. } =
        scene(|builder| builder.connect_timeout(Duration::from_millis(200))).await;
    let mut session = Polling::open(&url).await;
    assert_eq!(session.get().await.brief(), (200, "1"));
    until(|| server.sessions() == 0).await;
}

#[tokio::test]
async fn other_methods_leave_a_session_alone() {
    let Scene { url, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
        let answer = ask(&url, &format!("{method} {}", session.path()), "").await;
        assert_eq!(answer.brief(), BAD, "{method}");
    }
    session.post(r#"420["echo"]"#).await;
    assert_eq!(session.get().await.text(), "430[]");
}

#[tokio::test]
async fn any_prefix_with_or_without_its_slash_is_a_path() {
    let Scene { server, .. } = scene(|builder| builder).await;
    let app = axum::Router::new()
        .nest_service("/chat", server.service())
        .route_service("/a/b/", server.service())
        .route_service("/bare", server.service());
    let url = serve_app(app).await;
    for path in ["/chat", "/chat/", "/chat/anything", "/a/b/", "/bare"] {
        let answer = ask(&url, &format!("GET {path}?EIO=4&transport=polling"), "").await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn answers_are_not_to_be_stored_and_of_the_types_that_browsers_bear() {
    let Scene { url, .. } = scene(|builder| builder).await;
    let mut session = Polling::open(&url).await;
    assert_eq!(session.opening.header("content-type"), "text/plain; charset=UTF-8");
    assert_eq!(session.opening.header("cache-control"), "no-store");
    assert!(!session.opening.headers.contains_key("set-cookie"));
    assert!(!session.opening.headers.contains_key("x-xss-protection"));
    let answer = session.post("40").await;
    assert_eq!(answer.header("content-type"), "text/html");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("content-length"), "2");
    for agent in ["Mozilla/5.0 (compatible; MSIE 10.0)", "Mozilla/5.0 (Trident/7.0; rv:11.0)"] {
        let line = "GET /socket.io/?EIO=4&transport=polling";
        let answer = ask(&url, line, &format!("user-agent: {agent}\r\n")).await;
        assert_eq!(answer.header("x-xss-protection"), "0", "{agent}");
    }
}

#[tokio::test]
async fn answers_have_these_headers_and_no_others() {
    let Scene { url, .. } = scene(|builder| builder).await;
    let mut session = Polling::open(&url).await;
    let posted = session.post("40").await;
    let got = session.get().await;
    let refused = ask(&url, "GET /socket.io/?EIO=4&transport=x", "").await;
    for (answer, content_type) in [
        (&session.opening, "text/plain; charset=UTF-8"),
        (&got, "text/plain; charset=UTF-8"),
        (&posted, "text/html"),
        (&refused, "application/json"),
    ] {
        let mut headers: Vec<_> = answer
            .headers
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        headers.sort_unstable();
        let length = answer.body.len();
        let expect = [
            "cache-control: no-store".to_owned(),
            format!("content-length: {length}"),
            format!("content-type: {content_type}"),
        ];
        assert_eq!(headers, expect);
    }
}

#[tokio::test]
async fn jsonp_is_refused_in_words() {
    let Scene { url, .. } = scene(|builder| builder).await;
    let session = Polling::open(&url).await;
    let refused = (
        400,
        r#"{"code":3,"message":"JSONP is not supported; let the client poll by XHR or fetch"}"#,
    );
    let line = "GET /socket.io/?EIO=4&transport=polling&j=0";
    assert_eq!(ask(&url, line, "").await.brief(), refused);
    let line = format!("POST {}&j=1", session.path());
    assert_eq!(ask_with(&url, &line, "", b"d=40").await.brief(), refused);
}

#[tokio::test]
async fn requests_may_come_on_one_connection_or_on_many() {
    let Scene { url, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    for n in 0..10 {
        let mut http = Http::connect(&url).await;
        let body = format!(r#"42["say",{n}]"#);
        http.send(&format!("POST {}", session.path()), "", body.as_bytes()).await;
        assert_eq!(http.read().await.brief(), (200, "ok"));
        http.send(&format!("GET {}", session.path()), "", b"").await;
        assert_eq!(http.read().await.text(), format!(r#"42["said",{n}]"#));
    }
    session.post(r#"42["say",10]"#).await;
    assert_eq!(session.get().await.text(), r#"42["said",10]"#);
}
