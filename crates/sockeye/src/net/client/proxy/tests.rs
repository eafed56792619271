//! Proxies of both kinds, honest and not, on loopback.

use std::{net::SocketAddr, time::Duration};

use http::{HeaderMap, header};
use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::*;
use crate::net::{Deadline, Route, Step, USER_AGENT, client::headers::user_agent, dial};

const LONG: Duration = Duration::from_secs(10);

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// To `server`, such as `h:80`, by the proxy with this URL.
fn route(proxy: &str, server: &str) -> Route {
    let address = Address::parse(&format!("ws://{server}/")).unwrap();
    Route::new(&address, None, &Proxy::new(proxy).unwrap()).unwrap()
}

/// Dials `h:80` through a proxy that the function plays; `scheme` may have a user behind it.
async fn play<T>(
    scheme: &str,
    after: Duration,
    proxy: impl AsyncFnOnce(TcpStream) -> T,
) -> (Result<Stream, DialError>, T) {
    let (listener, address) = listen().await;
    let route = route(&format!("{scheme}{address}"), "h:80");
    let played = async { proxy(listener.accept().await.unwrap().0).await };
    let both = async { tokio::join!(dial(&route, Deadline::new(after)), played) };
    timeout(Duration::from_secs(20), both).await.expect("the dial or the proxy hangs")
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn read<const BYTES: usize>(stream: &mut TcpStream) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[track_caller]
fn assert_failed(outcome: Result<Stream, DialError>, words: &[&str]) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, DialError::Proxy { .. }), "{error:?}");
    let (text, debug) = (error.to_string(), format!("{error:?}"));
    for word in words.iter().chain(&["h:80", "127.0.0.1"]) {
        assert!(text.contains(word), "{word:?}: {text}");
    }
    assert!(!text.contains("secret") && !debug.contains("secret"), "{text} {debug}");
}

/// Sends a byte to the server behind the proxy, and waits for it to come back.
async fn ask_for_echo(route: &Route) {
    let mut stream = dial(route, Deadline::new(LONG)).await.unwrap();
    stream.write_all(b"?").await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'?');
}

async fn echo(server: &TcpListener) {
    let (mut stream, _) = server.accept().await.unwrap();
    let byte = stream.read_u8().await.unwrap();
    stream.write_all(&[byte]).await.unwrap();
}

/// A proxy that lets everybody through to `server`, and what it was asked.
async fn tunnel(proxy: &TcpListener, server: SocketAddr) -> String {
    let (mut stream, _) = proxy.accept().await.unwrap();
    let head = read_head(&mut stream).await;
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let mut onwards = TcpStream::connect(server).await.unwrap();
    copy_bidirectional(&mut stream, &mut onwards).await.unwrap();
    head
}

#[tokio::test]
async fn an_http_proxy_is_asked_for_a_tunnel() {
    let ((proxy, proxy_address), (server, address)) = (listen().await, listen().await);
    for (user, authorization) in [
        ("me:se%63ret@", Some("proxy-authorization: Basic bWU6c2VjcmV0\r\n")),
        ("me@", Some("proxy-authorization: Basic bWU6\r\n")),
        ("", None),
    ] {
        let route = route(&format!("http://{user}{proxy_address}"), &address.to_string());
        let (agent, headers) = match authorization {
            Some(_) => (USER_AGENT, HeaderMap::new()),
            None => {
                let mine = HeaderValue::from_static("mine/1");
                ("mine/1", [(header::USER_AGENT, mine)].into_iter().collect())
            }
        };
        let route = route.named(&headers);
        let all =
            async { tokio::join!(ask_for_echo(&route), tunnel(&proxy, address), echo(&server)).1 };
        let head = timeout(LONG, all).await.unwrap();
        assert!(head.starts_with(&format!("CONNECT {address} HTTP/1.1\r\n")), "{head}");
        assert!(head.contains(&format!("host: {address}\r\n")), "{head}");
        assert!(head.contains(&format!("user-agent: {agent}\r\n")), "{head}");
        match authorization {
            Some(line) => assert!(head.contains(line), "{head}"),
            None => assert!(!head.contains("authorization"), "{head}"),
        }
    }
}

#[tokio::test]
async fn an_address_of_ipv6_keeps_its_brackets() {
    let (listener, proxy) = listen().await;
    let route = route(&format!("http://{proxy}"), "[2001:db8::1]:8080");
    let asked = async { read_head(&mut listener.accept().await.unwrap().0).await };
    let (_, head) = tokio::join!(dial(&route, Deadline::new(LONG)), asked);
    assert!(head.starts_with("CONNECT [2001:db8::1]:8080 HTTP/1.1\r\n"), "{head}");
}

#[tokio::test]
async fn an_http_proxy_may_refuse() {
    async fn check(user: &str, answer: &str, words: &[&str]) {
        let (refused, ()) = play(&format!("http://{user}"), LONG, async |mut stream| {
            read_head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        assert_failed(refused, words);
    }
    let wants = "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"x\"\r\n\r\n";
    check("", wants, &["wants a user and password", "407", "realm=\"x\"", "user:password@"]).await;
    check("me:secret@", wants, &["did not take our user and password", "407"]).await;
    let wrong = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    check("me:secret@", wrong, &["did not take our user and password", "401"]).await;
    let page = "HTTP/1.1 403 Forbidden\r\ncontent-length: 19\r\n\r\n<p>not today\n<br>\n!";
    check("", page, &["403 Forbidden not today !"]).await;
    check("", "HTTP/1.1 301 Moved\r\nlocation: elsewhere\r\ncontent-length: 0\r\n\r\n", &["301"])
        .await;
    check("", "SSH-2.0-OpenSSH_9.9\r\n", &["no HTTP response", "socks5h://"]).await;
    check("", "", &["no HTTP response"]).await;
    check("", "HTTP/1.1 200 OK\r\n\r\nhello", &["5 bytes", "too early"]).await;
    let endless = format!("HTTP/1.1 500 Oops\r\n\r\n{}", "x".repeat(100_000));
    check("", &endless, &["500", "xxx"]).await;
}

#[tokio::test]
async fn a_silent_proxy_costs_the_deadline_alone() {
    for scheme in ["http://me:secret@", "socks5h://me:secret@", "socks5://"] {
        let (listener, address) = listen().await;
        let route = route(&format!("{scheme}{address}"), "localhost:80");
        let dialled = dial(&route, Deadline::new(Duration::from_millis(50)));
        let (refused, _open) = tokio::join!(dialled, listener.accept());
        let Err(DialError::Proxy { proxy, source: ProxyFailure::Dial(source), .. }) = refused
        else {
            panic!("{refused:?}")
        };
        assert!(matches!(*source, DialError::Timeout { step: Step::Proxy, .. }), "{source:?}");
        assert!(proxy.ends_with(&address.to_string()) && !proxy.contains("secret"), "{proxy}");
    }
}

#[tokio::test]
async fn dropping_the_dial_closes_the_connection_to_the_proxy() {
    for scheme in ["http://", "socks5h://"] {
        let (listener, address) = listen().await;
        let route = route(&format!("{scheme}{address}"), "h:80");
        let mut stream = tokio::select! {
            refused = dial(&route, Deadline::new(LONG)) => panic!("{refused:?}"),
            stream = async {
                let mut stream = listener.accept().await.unwrap().0;
                read::<1>(&mut stream).await;
                stream
            } => stream,
        };
        let mut rest = Vec::new();
        timeout(LONG, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    for scheme in ["http://me:secret@", "https://me:secret@", "socks5h://me:secret@"] {
        let (listener, address) = listen().await;
        drop(listener);
        let refused =
            dial(&route(&format!("{scheme}{address}"), "h:80"), Deadline::new(LONG)).await;
        assert_failed(refused, &[&address.to_string(), "can't be connected to"]);
    }
}

#[tokio::test]
async fn an_https_proxy_is_spoken_to_by_tls() {
    let (refused, hello) =
        play("https://", LONG, async |mut stream| read::<1>(&mut stream).await).await;
    assert_eq!(hello, [0x16], "a record of a TLS handshake");
    assert_failed(refused, &["https://127.0.0.1", "TLS with"]);
}

/// A SOCKS5 proxy, as RFC 1928 has it: what it was asked, in bytes.
async fn socks(mut stream: TcpStream, password: Option<&[u8]>, server: SocketAddr) -> Vec<u8> {
    let [version, methods] = read(&mut stream).await;
    assert_eq!(version, 5);
    let mut offered = vec![0; methods.into()];
    stream.read_exact(&mut offered).await.unwrap();
    let method = if password.is_some() { 2 } else { 0 };
    assert!(offered.contains(&method), "{offered:?}");
    stream.write_all(&[5, method]).await.unwrap();
    if let Some(expect) = password {
        let mut login = vec![0; expect.len()];
        stream.read_exact(&mut login).await.unwrap();
        assert_eq!(login, expect);
        stream.write_all(&[1, 0]).await.unwrap();
    }
    let head: [u8; 4] = read(&mut stream).await;
    let mut request = head.to_vec();
    let length = match head[3] {
        1 => 4,
        4 => 16,
        _ => {
            let [length] = read(&mut stream).await;
            request.push(length);
            length.into()
        }
    };
    let mut rest = vec![0; length + 2];
    stream.read_exact(&mut rest).await.unwrap();
    request.extend(rest);
    // A name where it is bound, which is allowed and rare; in two pieces.
    stream.write_all(&[5, 0, 0, 3, 2, b'h']).await.unwrap();
    stream.write_all(&[b'i', 0, 80]).await.unwrap();
    let mut onwards = TcpStream::connect(server).await.unwrap();
    copy_bidirectional(&mut stream, &mut onwards).await.unwrap();
    request
}

#[tokio::test]
async fn a_socks_proxy_gets_the_name_or_an_address() {
    let (server, address) = listen().await;
    let login = b"\x01\x02me\x06secret";
    for (scheme, name, expect) in [
        ("socks5h://", "example.test", &b"\x05\x01\x00\x03\x0cexample.test\x00\x50"[..]),
        ("socks5h://", "192.0.2.1", &[5, 1, 0, 1, 192, 0, 2, 1, 0, 80]),
        (
            "socks5h://",
            "[2001:db8::1]",
            b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50",
        ),
        ("socks5://", "192.0.2.1", &[5, 1, 0, 1, 192, 0, 2, 1, 0, 80]),
    ] {
        for password in [None, Some(&login[..])] {
            let (proxy, proxy_address) = listen().await;
            let user = if password.is_some() { "me:secret@" } else { "" };
            let route = route(&format!("{scheme}{user}{proxy_address}"), &format!("{name}:80"));
            let played = async { socks(proxy.accept().await.unwrap().0, password, address).await };
            let all = async { tokio::join!(ask_for_echo(&route), played, echo(&server)).1 };
            assert_eq!(timeout(LONG, all).await.unwrap(), expect, "{scheme}{name}");
        }
    }
}

#[tokio::test]
async fn a_name_is_looked_up_here_if_the_scheme_says_so() {
    let ((server, address), (proxy, proxy_address)) = (listen().await, listen().await);
    let route = route(&format!("socks5://{proxy_address}"), "localhost:80");
    let played = async { socks(proxy.accept().await.unwrap().0, None, address).await };
    let all = async { tokio::join!(ask_for_echo(&route), played, echo(&server)).1 };
    let request = timeout(LONG, all).await.unwrap();
    assert!(matches!(request[3], 1 | 4), "an address, not a name: {request:?}");
}

#[tokio::test]
async fn a_socks_proxy_may_refuse() {
    /// The proxy sends each answer after it has got something.
    async fn check(user: &str, answers: &[&[u8]], words: &[&str]) {
        let (refused, ()) = play(&format!("socks5h://{user}"), LONG, async |mut stream| {
            for answer in answers {
                assert!(stream.read(&mut [0; 512]).await.unwrap() > 0);
                stream.write_all(answer).await.unwrap();
            }
        })
        .await;
        assert_failed(refused, words);
    }
    let user = "me:secret@";
    check("", &[&[5, 0xff]], &["wants a user and password"]).await;
    check("", &[&[5, 2]], &["wants a user and password"]).await;
    check(user, &[&[5, 0xff]], &["did not take our user and password"]).await;
    check(user, &[&[5, 2], &[1, 7]], &["did not take our user and password", "status 7"]).await;
    check(user, &[&[5, 2], &[9, 0]], &["byte 9", "not SOCKS5"]).await;
    check("", &[&[5, 1]], &["byte 1", "not SOCKS5"]).await; // GSSAPI, which was not offered
    check("", &[b"HTTP/1.1 400 Bad Request\r\n\r\n"], &["byte 72", "http://"]).await;
    check("", &[&[4, 0]], &["byte 4"]).await;
    check("", &[&[5, 0], &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]], &["connection refused (code 5)"]).await;
    check("", &[&[5, 0], &[5, 2, 0, 1]], &["not allowed by its rules (code 2)"]).await;
    check("", &[&[5, 0], &[5, 99, 0, 1]], &["code 99"]).await;
    check("", &[&[5, 0], &[5, 0, 0, 2]], &["byte 2"]).await;
    check("", &[&[5, 0], &[5, 0, 0, 1, 1, 2]], &["broke"]).await;
    check("", &[&[5]], &["broke"]).await;
    check("", &[], &["broke"]).await;
}

#[tokio::test]
async fn a_name_that_socks_can_not_carry_is_refused() {
    let (listener, address) = listen().await;
    let name = vec!["a".repeat(60); 5].join(".");
    let route = route(&format!("socks5h://{address}"), &name);
    let error = dial(&route, Deadline::new(LONG)).await.unwrap_err().to_string();
    assert!(error.contains("304 bytes"), "{error}");
    drop(listener);
}

#[test]
fn urls_of_proxies() {
    #[track_caller]
    fn check(url: &str, expect: &str) {
        let Proxy(Choice::One(via)) = Proxy::new(url).unwrap() else { panic!("{url}") };
        assert_eq!(via.to_string(), expect, "{url}");
        let debug = format!("{via:?} {:?}", Proxy::new(url));
        assert!(!debug.contains("secret") && !debug.contains("c2VjcmV0"), "{debug}");
    }
    check("http://h", "http://h:80");
    check("h:3128", "http://h:3128");
    check("https://me:secret@h/", "https://h:443");
    check("HTTP://h:1/path", "http://h:1");
    check("socks5h://me:secret@[::1]:9", "socks5h://[::1]:9");
    check("socks5://h", "socks5://h:1080");

    #[track_caller]
    fn check_wrong(url: &str, word: &str) {
        let error = Proxy::new(url).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(word), "{url}: {text}");
        assert!(!text.contains("secret"), "{url}: {text}");
    }
    check_wrong("", "expected something like");
    check_wrong("http://", "expected something like");
    check_wrong("http://me:secret word@h", "%40 for @");
    check_wrong("http://h:0", "expected something like");
    check_wrong("http://h:99999", "expected something like");
    check_wrong("socks4://me:secret@h", "begins with \"socks4://\"");
    check_wrong("ftp://me:secret@h", "begins with \"ftp://\"");
    check_wrong(&format!("socks5://me:secret{}@h", "x".repeat(255)), "255 bytes");
}

#[tokio::test]
async fn no_proxy_means_none() {
    let (listener, address) = listen().await;
    let address = Address::parse(&format!("ws://{address}/")).unwrap();
    let route = Route::new(&address, None, &Proxy::none()).unwrap();
    let (stream, _) = tokio::join!(dial(&route, Deadline::new(LONG)), listener.accept());
    assert!(matches!(stream.unwrap(), Stream::Tcp(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a proxy sends before it closes, the client comes to an end without a panic.
    #[test]
    fn any_answer_has_an_end(
        beginning in prop_oneof![
            Just(&b""[..]),
            Just(&b"\x05\x00\x05\x00\x00"[..]),
            Just(&b"\x05\x02\x01\x00\x05\x00\x00"[..]),
            Just(&b"HTTP/1.1 "[..]),
            Just(&b"HTTP/1.1 200 OK\r\n"[..]),
        ],
        rest: Vec<u8>,
        scheme in prop_oneof![Just("http"), Just("socks5h")],
    ) {
        let Proxy(Choice::One(via)) = Proxy::new(&format!("{scheme}://me:secret@h")).unwrap() else {
            unreachable!()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (ours, mut theirs) = tokio::io::duplex(1 << 10);
        let asked = async { via.connect(Stream::Other(Box::new(ours)), "h", 80, &user_agent()).await.map(drop) };
        let answered = async {
            let _ = theirs.write_all(beginning).await;
            let _ = theirs.write_all(&rest).await;
            let _ = theirs.shutdown().await;
            let _ = tokio::io::copy(&mut theirs, &mut tokio::io::sink()).await;
        };
        let both = async { tokio::join!(asked, answered).0 };
        let outcome = runtime.block_on(async { timeout(LONG, both).await });
        prop_assert!(outcome.is_ok(), "it hangs");
        if let Ok(Err(error)) = outcome {
            prop_assert!(!error.to_string().contains("secret"));
        }
    }
}
