//! The HTTP client against servers on loopback that keep, close, lie and fall silent.

use std::{net::SocketAddr, time::Duration};

use futures_util::FutureExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Handle,
    task::{JoinSet, yield_now},
    time::timeout,
};

use super::*;
use crate::net::{Proxy, Tls};

const LONG: Duration = Duration::from_secs(20);
const MAX: usize = 100_000;

struct Server(TcpListener);

impl Server {
    async fn new() -> (Self, Http) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = client(listener.local_addr().unwrap(), HeaderMap::new());
        (Self(listener), http)
    }

    async fn accept(&self) -> TcpStream {
        let accepted = timeout(LONG, self.0.accept()).await.expect("nobody connects");
        accepted.unwrap().0
    }
}

/// One that knows that the server keeps connections.
fn client(server: SocketAddr, headers: HeaderMap) -> Http {
    let http = stranger(server, headers);
    http.0.keep_alive.was_open();
    http
}

/// One that knows nothing of the server.
fn stranger(server: SocketAddr, headers: HeaderMap) -> Http {
    let address = Address::parse(&format!("http://{server}/")).unwrap();
    let route = Route::new(&address, None, &Proxy::none()).unwrap();
    Http::new(address, route, headers, Some(Cookies::default()), KeepAlive::default())
}

async fn get(http: &Http) -> Result<Response, HttpError> {
    http.get(Uri::from_static("/socket.io/?EIO=4"), MAX, Deadline::new(LONG)).await
}

async fn post(http: &Http, body: impl Into<Bytes>) -> Result<Response, HttpError> {
    let content_type = HeaderValue::from_static("text/plain;charset=UTF-8");
    let target = Uri::from_static("/socket.io/?EIO=4");
    http.post(target, content_type, body.into(), MAX, Deadline::new(LONG)).await
}

/// Client and server together, within a time.
async fn both<A, B>(client: impl Future<Output = A>, server: impl Future<Output = B>) -> (A, B) {
    let both = async { tokio::join!(client, server) };
    timeout(LONG * 2, both).await.expect("one of both hangs")
}

/// Reads a head and as many bytes more.
async fn read(stream: &mut TcpStream, body_bytes: usize) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    let mut body = vec![0; body_bytes];
    stream.read_exact(&mut body).await.unwrap();
    request.extend(body);
    String::from_utf8(request).unwrap()
}

async fn write(stream: &mut TcpStream, bytes: &str) {
    stream.write_all(bytes.as_bytes()).await.unwrap();
}

async fn answer(stream: &mut TcpStream, body: &str) -> String {
    let request = read(stream, 0).await;
    write(stream, &format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
        .await;
    request
}

/// Whether the client has closed; what it still sent is passed over.
async fn ended(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = timeout(LONG, stream.read_to_end(&mut rest)).await.expect("the client stays");
}

/// What comes of a GET that is answered so, and the connection closed.
async fn answered(response: impl AsRef<str>) -> Result<Response, HttpError> {
    let (server, http) = Server::new().await;
    let serve = async {
        let mut stream = server.accept().await;
        read(&mut stream, 0).await;
        // A client that has had enough may have left.
        let _ = stream.write_all(response.as_ref().as_bytes()).await;
        let _ = stream.shutdown().await;
        ended(&mut stream).await;
    };
    // Given back with the client, so that nothing else closes the connection.
    let client = async {
        let outcome = get(&http).await;
        drop(http);
        outcome
    };
    both(client, serve).await.0
}

#[tokio::test]
async fn interim_responses_are_passed_over_but_not_without_end() {
    const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    let answer = answered(format!("HTTP/1.1 100 Continue\r\n\r\n{}{OK}", HINTS.repeat(20))).await;
    assert_eq!(answer.unwrap().body, "ok");
    // A server that never comes to the point.
    let (server, http) = Server::new().await;
    let serve = async {
        let mut stream = server.accept().await;
        read(&mut stream, 0).await;
        while stream.write_all(HINTS.repeat(1000).as_bytes()).await.is_ok() {}
    };
    let client = async { get(&http).await.unwrap_err().to_string() };
    let (error, ()) = both(client, serve).await;
    assert!(error.contains("more than 32 interim responses"), "{error}");
}

#[tokio::test]
async fn requests_say_what_they_should() {
    let (server, _) = Server::new().await;
    let address = server.0.local_addr().unwrap();
    let given = [
        ("authorization", "Bearer x"),
        ("cookie", "mine=1; lb=old"),
        ("accept-encoding", "gzip"),
        ("connection", "close"),
        ("content-length", "7"),
    ];
    let headers =
        given.map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
    let http = client(address, headers.into_iter().collect());
    let serve = async {
        let mut stream = server.accept().await;
        let first = read(&mut stream, 0).await;
        write(
            &mut stream,
            "HTTP/1.1 200 OK\r\nset-cookie: lb=7; path=/\r\ncontent-length: 0\r\n\r\n",
        )
        .await;
        let second = read(&mut stream, 5).await;
        write(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        (first, second)
    };
    let client = async {
        get(&http).await.unwrap();
        assert_eq!(&post(&http, "hello").await.unwrap().body[..], b"ok");
    };
    let ((), (first, second)) = both(client, serve).await;
    assert!(first.starts_with("GET /socket.io/?EIO=4 HTTP/1.1\r\n"), "{first}");
    for line in [&format!("host: {address}"), "authorization: Bearer x", "accept: */*"] {
        assert!(first.contains(&format!("\r\n{line}\r\n")), "{line}: {first}");
    }
    assert!(first.contains("\r\ncookie: mine=1; lb=old\r\n"), "{first}");
    for not in ["encoding", "connection", "content-length"] {
        assert!(!first.contains(not), "{not}: {first}");
    }
    assert!(second.starts_with("POST /socket.io/?EIO=4 HTTP/1.1\r\n"), "{second}");
    assert!(second.contains("\r\ncookie: mine=1; lb=7\r\n"), "{second}");
    assert!(second.contains("\r\ncontent-type: text/plain;charset=UTF-8\r\n"), "{second}");
    assert!(second.ends_with("content-length: 5\r\n\r\nhello"), "{second}");
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let (server, http) = Server::new().await;
    let serve = async {
        let mut stream = server.accept().await;
        for body in ["one", "", "three"] {
            answer(&mut stream, body).await;
        }
        read(&mut stream, 0).await;
        write(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        write(&mut stream, "2\r\nfo\r\n2\r\nur\r\n0\r\n\r\n").await;
        answer(&mut stream, "five").await;
        stream
    };
    let client = async {
        for body in ["one", "", "three", "four", "five"] {
            assert_eq!(get(&http).await.unwrap().body, body);
        }
    };
    let ((), mut stream) = both(client, serve).await;
    drop(http);
    ended(&mut stream).await;
}

#[tokio::test]
async fn two_requests_at_a_time_have_two_connections() {
    let (server, http) = Server::new().await;
    let serve = async {
        let (mut one, mut two) = (server.accept().await, server.accept().await);
        for _ in 0..2 {
            // Neither is answered before both are there.
            let heads = (read(&mut one, 0).await, read(&mut two, 0).await);
            assert!(heads.0.starts_with("GET") && heads.1.starts_with("GET"));
            for stream in [&mut one, &mut two] {
                write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        }
        (one, two)
    };
    let client = async {
        for _ in 0..2 {
            let (one, two) = tokio::join!(get(&http), get(&http));
            assert!(one.is_ok() && two.is_ok());
        }
    };
    both(client, serve).await;
}

#[tokio::test]
async fn more_than_two_connections_are_not_kept() {
    let (server, http) = Server::new().await;
    let serve = async {
        let mut streams = Vec::new();
        for _ in 0..3 {
            streams.push(server.accept().await);
        }
        for stream in &mut streams {
            answer(stream, "").await;
        }
        streams
    };
    let client = async { tokio::join!(get(&http), get(&http), get(&http)) };
    let (_, mut streams) = both(client, serve).await;
    let mut open = 0;
    for stream in &mut streams {
        // The end is there already, if it comes at all: nothing runs beside the requests.
        yield_now().await;
        open += usize::from(stream.try_read(&mut [0]).is_err());
    }
    assert_eq!(open, 2);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced() {
    for farewell in ["", "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n"] {
        let (server, http) = Server::new().await;
        let first = async {
            let mut stream = server.accept().await;
            answer(&mut stream, "one").await;
            stream
        };
        let (outcome, mut stream) = both(get(&http), first).await;
        outcome.unwrap();
        write(&mut stream, farewell).await;
        drop(stream);
        yield_now().await; // the reactor learns of it
        let second = async {
            let mut stream = server.accept().await;
            let request = read(&mut stream, 2).await;
            write(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntwo").await;
            request
        };
        let (outcome, request) = both(post(&http, "hi"), second).await;
        assert_eq!(outcome.unwrap().body, "two");
        assert!(request.ends_with("hi"), "{request}");
    }
}

#[tokio::test]
async fn a_connection_that_is_to_be_closed_is_not_kept() {
    for response in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\none",
        "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\none",
        "HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 3\r\n\r\none",
    ] {
        let (server, http) = Server::new().await;
        let serve = async {
            let mut first = server.accept().await;
            read(&mut first, 0).await;
            write(&mut first, response).await;
            answer(&mut server.accept().await, "two").await;
            ended(&mut first).await;
        };
        let client = async {
            assert_eq!(get(&http).await.unwrap().body, "one");
            assert_eq!(get(&http).await.unwrap().body, "two");
        };
        both(client, serve).await;
    }
}

#[tokio::test]
async fn a_request_that_may_have_arrived_is_not_repeated() {
    let (server, http) = Server::new().await;
    let serve = async {
        let mut stream = server.accept().await;
        answer(&mut stream, "one").await;
        read(&mut stream, 2).await;
        drop(stream);
    };
    let client = async {
        get(&http).await.unwrap();
        post(&http, "hi").await
    };
    let (outcome, ()) = both(client, serve).await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, HttpError::Broken { may_have_arrived: true, .. }), "{error:?}");
    yield_now().await;
    assert!(server.0.accept().now_or_never().is_none(), "a second attempt");
}

#[tokio::test]
async fn a_server_is_believed_to_keep_connections_once_it_has_kept_one() {
    for closes in [false, true] {
        let (server, _) = Server::new().await;
        let http = stranger(server.0.local_addr().unwrap(), HeaderMap::new());
        let mut kept = Vec::new();
        for _ in 0..3 {
            let serve = async {
                let mut stream = server.accept().await; // a new one, each time
                read(&mut stream, 0).await;
                let promise = "connection: keep-alive\r\ncontent-length: 0";
                write(&mut stream, &format!("HTTP/1.1 200 OK\r\n{promise}\r\n\r\n")).await;
                stream
            };
            let (outcome, stream) = both(get(&http), serve).await;
            outcome.unwrap();
            kept.push(stream);
        }
        if closes {
            kept.clear();
        }
        tokio::time::sleep(idle::PROOF).await;
        let serve = async {
            let mut new = None;
            let stream = match kept.first_mut() {
                Some(first) => first,
                None => new.insert(server.accept().await),
            };
            answer(stream, "").await;
        };
        let (outcome, ()) = both(get(&http), serve).await;
        outcome.unwrap();
        let habit = if closes { idle::Habit::Closes } else { idle::Habit::Keeps };
        assert_eq!(http.0.keep_alive.habit(), habit);
    }
}

#[tokio::test]
async fn a_server_that_closes_each_connection_without_a_word_loses_no_request() {
    for says in
        ["", "connection: keep-alive\r\n", "connection: keep-alive\r\nkeep-alive: timeout=5\r\n"]
    {
        let (server, _) = Server::new().await;
        let http = stranger(server.0.local_addr().unwrap(), HeaderMap::new());
        let mut closing = JoinSet::new();
        let serve = async {
            loop {
                let mut stream = server.accept().await;
                read(&mut stream, 0).await;
                let head = format!("HTTP/1.1 200 OK\r\n{says}content-length: 0\r\n\r\n");
                write(&mut stream, &head).await;
                // As late as it can be: with the next request on its way.
                closing.spawn(async move {
                    timeout(idle::PROOF / 10, stream.peek(&mut [0])).await.is_ok()
                });
            }
        };
        let ask = async {
            for number in 0..60 {
                // In the time that proves it, and later.
                if number % 20 == 19 {
                    tokio::time::sleep(idle::PROOF).await;
                }
                let (one, two) = tokio::join!(get(&http), get(&http));
                one.and(two).unwrap_or_else(|error| panic!("{says:?} {number}: {error}"));
            }
        };
        tokio::select! {
            () = ask => {}
            () = serve => {}
        }
        assert_ne!(http.0.keep_alive.habit(), idle::Habit::Keeps);
    }
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_request_counts() {
    let (server, http) = Server::new().await;
    let serve = async {
        let mut stream = server.accept().await;
        read(&mut stream, 0).await;
        write(&mut stream, "HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\ntoo large").await;
        ended(&mut stream).await;
    };
    let (outcome, ()) = both(post(&http, vec![b'x'; 30_000_000]), serve).await;
    let answer = outcome.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (413, &b"too large"[..]));
}

#[tokio::test]
async fn what_is_no_success_is_an_answer_that_is_cut() {
    let body = "{\"code\":1,\"message\":\"Session ID unknown\"}";
    let refusal = answered(format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    let answer = refusal.await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.content_type()), (400, "application/json"));
    assert_eq!(answer.body, body);

    let endless = format!("HTTP/1.1 502 Bad Gateway\r\n\r\n{}", "é".repeat(MAX));
    let answer = answered(&endless).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.len()), (502, EXCERPT_BYTES));
    let answer = answered("HTTP/1.1 500 Oops\r\ncontent-length: 100\r\n\r\nhalf").await.unwrap();
    assert_eq!(answer.body, "half");
}

#[tokio::test]
async fn a_page_of_html_can_be_shown() {
    let page = format!("<html>Not\n<b>here</b>{}", "é".repeat(2_000));
    let length = page.len();
    let answer = answered(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {length}\r\n\r\n{page}"
    ));
    let answer = answer.await.unwrap();
    assert_eq!(answer.content_type(), "text/html; charset=utf-8");
    assert!(answer.excerpt().starts_with("Not here é"), "{}", answer.excerpt());
    assert_eq!(answer.body.len(), length);
}

#[tokio::test]
async fn bodies_are_bounded_whatever_their_length_is_said_to_be() {
    let fits = "x".repeat(MAX);
    let whole = answered(format!("HTTP/1.1 200 OK\r\ncontent-length: {MAX}\r\n\r\n{fits}"));
    assert_eq!(whole.await.unwrap().body, fits);
    let whole = answered(format!("HTTP/1.1 200 OK\r\n\r\n{fits}"));
    assert_eq!(whole.await.unwrap().body, fits);

    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let chunked = "transfer-encoding: chunked\r\n";
    for too_long in [
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MAX + 1), // not even begun
        "HTTP/1.1 200 OK\r\ncontent-length: 9999999999999\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\n\r\nx{fits}"),
        format!("HTTP/1.1 200 OK\r\n{chunked}\r\n{}", chunk.repeat(4)),
    ] {
        let outcome = answered(&too_long).await;
        let is_too_long = matches!(outcome, Err(HttpError::TooLong { max_bytes: MAX }));
        assert!(is_too_long, "{:.60}: {outcome:?}", too_long);
    }
    for broken in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_owned(),
        format!("HTTP/1.1 200 OK\r\n{chunked}\r\n{chunk}"),
        format!("HTTP/1.1 200 OK\r\n{chunked}\r\nnonsense\r\n"),
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n".to_owned(),
        "HTTP/1.1 2".to_owned(),
        "SSH-2.0-OpenSSH_9.9\r\n".to_owned(),
        String::new(),
    ] {
        let outcome = answered(&broken).await;
        let is_broken = matches!(outcome, Err(HttpError::Broken { may_have_arrived: true, .. }));
        assert!(is_broken, "{broken:.60}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let response =
        "HTTP/1.1 308 Permanent Redirect\r\nlocation: https://h/\r\ncontent-length: 0\r\n\r\n";
    let error = answered(response).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("308") && text.contains("\"https://h/\""), "{text}");
    assert!(matches!(error, HttpError::Redirect { .. }));
    // A location elsewhere means something else.
    let created = "HTTP/1.1 201 Created\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(answered(created).await.unwrap().status, StatusCode::CREATED);
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_leaves_no_connection() {
    for said in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"] {
        let (server, http) = Server::new().await;
        let target = Uri::from_static("/");
        let request = http.get(target, MAX, Deadline::new(Duration::from_millis(100)));
        let serve = async {
            let mut stream = server.accept().await;
            read(&mut stream, 0).await;
            write(&mut stream, said).await;
            ended(&mut stream).await;
        };
        let (outcome, ()) = both(request, serve).await;
        let error = outcome.unwrap_err();
        let timeout = matches!(error, HttpError::Dial(DialError::Timeout { step: Step::Http, .. }));
        assert!(timeout, "{error:?}");
    }
}

#[tokio::test]
async fn dropping_a_request_leaves_nothing() {
    let (server, http) = Server::new().await;
    for is_kept in [false, true] {
        let mut stream = None;
        if is_kept {
            let first = async {
                let mut stream = server.accept().await;
                answer(&mut stream, "").await;
                stream
            };
            let (outcome, kept) = both(get(&http), first).await;
            outcome.unwrap();
            stream = Some(kept);
        }
        let mut stream = tokio::select! {
            outcome = get(&http) => panic!("{outcome:?}"),
            stream = async {
                let mut stream = match stream {
                    Some(stream) => stream,
                    None => server.accept().await,
                };
                read(&mut stream, 0).await;
                stream
            } => stream,
        };
        ended(&mut stream).await;
    }
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test]
async fn nobody_listens() {
    let (server, http) = Server::new().await;
    drop(server);
    let error = get(&http).await.unwrap_err();
    assert!(matches!(error, HttpError::Dial(DialError::Tcp { .. })), "{error:?}");
}

#[tokio::test]
async fn by_tls() {
    let server = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(server.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![server.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = Address::parse(&format!("https://localhost:{port}/")).unwrap();
    let tls = Tls::only_pem(server.cert.pem().as_bytes()).unwrap();
    let route = Route::new(&address, Some(&tls), &Proxy::none()).unwrap();
    let http = Http::new(address, route, HeaderMap::new(), None, KeepAlive::default());
    http.0.keep_alive.was_open();
    let serve = async {
        let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        for _ in 0..2 {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        }
    };
    let client = async {
        for _ in 0..2 {
            assert_eq!(get(&http).await.unwrap().body, "ok");
        }
    };
    both(client, serve).await;
}

#[test]
fn requests_can_go_to_any_task() {
    fn assert_send<T: Send + 'static>(_: T) {}
    let address = Address::parse("http://h/").unwrap();
    let route = Route::new(&address, None, &Proxy::none()).unwrap();
    let http = Http::new(address, route, HeaderMap::new(), None, KeepAlive::default());
    assert_send(http.get(Uri::from_static("/"), MAX, Deadline::new(LONG)));
    assert_send(http);
}
