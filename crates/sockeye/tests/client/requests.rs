//! What the head of a request says, on every transport and on a raw WebSocket.

use http::{HeaderName, HeaderValue};
use sockeye::{
    client::{Attempt, Builder, Client, Transport, USER_AGENT},
    server,
    ws::Connect,
};
use tokio::{io::AsyncReadExt as _, net::TcpListener};

use super::server::{Warnings, soon};

/// The head of the first request that somebody sends to a server; `{}` in the URL stands for its address.
async fn head<F: Future>(url: &str, ask: impl FnOnce(String) -> F) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url.replace("{}", &listener.local_addr().unwrap().to_string());
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(head).expect("a head is ASCII")
    };
    tokio::select! {
        head = soon(serve) => head,
        _ = ask(url) => panic!("it ends before it is answered"),
    }
}

const TRANSPORTS: [Transport; 2] = [Transport::Polling, Transport::WebSocket];

/// What a Socket.IO client asks for.
async fn target(url: &str, transport: Transport, change: impl Fn(Builder) -> Builder) -> String {
    let ask = |url| change(Client::builder(url)).transports([transport]).connect();
    let head = head(url, ask).await;
    head.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn the_query_of_the_url_arrives_as_it_stands_behind_engine_ios_own() {
    for transport in TRANSPORTS {
        let check = async |url: &str, expect: &str| {
            let found = target(url, transport, |builder| builder.query("n m", "a+b c")).await;
            let own = format!("/socket.io/?EIO=4&transport={transport}");
            assert_eq!(found, format!("{own}{expect}&n%20m=a%2Bb%20c"), "{url}");
        };
        check("http://{}", "").await;
        check("http://{}/?x=1%20y+z&x&&q='", "&x=1%20y+z&x&&q=%27").await;
        check("http://{}/chat?t=a b\"<>é|{", "&t=a%20b%22%3C%3E%C3%A9|{").await;
        check("http://{}/?EIO=3&transport=x&a=1&sid=S&t=2&j=0&b64=1#f", "&a=1").await;
    }
}

#[tokio::test]
async fn an_attempt_elsewhere_keeps_to_the_same_rules() {
    let there = "http://{}/?EIO=4&c=%20";
    let rotate = |url: String| {
        let before = move |attempt: Attempt| {
            let attempt = attempt.url(url.clone()).query("sid", "x").query("d", "e f");
            async { Ok::<_, std::io::Error>(attempt) }
        };
        Client::builder("http://127.0.0.1:1/?a=1").query("b", "2").before_attempt(before).connect()
    };
    let head = head(there, rotate).await;
    let expect = "GET /socket.io/?EIO=4&transport=polling&a=1&b=2&d=e%20f&c=%20 HTTP/1.1\r\n";
    assert!(head.starts_with(expect), "{head}");
}

#[tokio::test]
async fn the_path_of_engine_io_has_a_slash_at_its_end_and_is_ascii() {
    for transport in TRANSPORTS {
        let check = async |path: &str, has_slash: bool, expect: &str| {
            let change = |builder: Builder| builder.path(path).trailing_slash(has_slash);
            let found = target("http://{}/chat", transport, change).await;
            assert_eq!(found.split('?').next(), Some(expect), "{path} {has_slash}");
        };
        for path in ["/chat", "/chat/"] {
            check(path, true, "/chat/").await;
            check(path, false, "/chat").await;
        }
        check("/é/%20 a", true, "/%C3%A9/%20%20a/").await;
        check("/", true, "/").await;
        check("/", false, "/").await;
    }
}

#[tokio::test]
async fn headers_go_along_as_often_as_they_are_given() {
    let given = [("x-a", "1"), ("x-a", "2"), ("cookie", "a=1"), ("cookie", "b=2")];
    let given =
        given.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let agents = [None, Some("mine/1")];
    for agent in agents {
        let mut heads = Vec::new();
        let agent_header =
            agent.map(|agent| (http::header::USER_AGENT, HeaderValue::from_static(agent)));
        let all = given.iter().cloned().chain(agent_header);
        for transport in TRANSPORTS {
            let ask = |url: String| {
                let begin = Client::builder(url).transports([transport]);
                let builder =
                    all.clone().fold(begin, |builder, (name, value)| builder.header(name, value));
                builder.connect()
            };
            heads.push(head("http://{}", ask).await);
        }
        let ask = |url| {
            let begin = Connect::new(url);
            all.fold(begin, |connect, (name, value)| connect.header(name, value)).connect()
        };
        heads.push(head("ws://{}", ask).await);
        for head in heads {
            let agent = format!("user-agent: {}", agent.unwrap_or(USER_AGENT));
            for line in ["x-a: 1", "x-a: 2", "cookie: a=1; b=2", &agent] {
                assert_eq!(head.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line}: {head}");
            }
        }
    }
}

#[tokio::test]
async fn a_raw_websocket_asks_for_what_browsers_would() {
    for (url, expect) in [
        ("ws://{}/é", "/%C3%A9"),
        ("ws://{}/a b%20c?d e%20f+g'é#h", "/a%20b%20c?d%20e%20f+g%27%C3%A9"),
        ("ws://{}?EIO=4&transport=x", "/?EIO=4&transport=x"), // no fields of its own
    ] {
        let head = head(url, |url| Connect::new(url).connect()).await;
        assert_eq!(head.split(' ').nth(1), Some(expect), "{url}");
    }
}

#[test]
fn a_path_where_nothing_is_mounted_is_told_to_the_server_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let warnings = Warnings::of(|| {
        runtime.block_on(async {
            let app = axum::Router::new().route("/", axum::routing::get(async || "hello"));
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            tokio::spawn(async move { server::serve(listener, app).await });
            for path in ["/chat/", "/elsewhere/"] {
                let client = Client::builder(&url).path(path);
                let error = soon(client.connect()).await.unwrap_err();
                assert!(error.to_string().contains("404"), "{error}");
            }
        });
    });
    let told = warnings.iter().filter(|text| text.contains("mount `server.service()`"));
    let told = told.collect::<Vec<_>>();
    assert!(matches!(&told[..], [told] if told.contains(r#"path="/chat/""#)), "{warnings:?}");
}
