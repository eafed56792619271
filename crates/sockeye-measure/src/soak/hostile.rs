//! A server that our clients should never have met: what it answers is long, odd, endless or nothing at all.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use crate::frame;

/// What a trick sends at most; whoever believes it all has lost.
const FLOOD_BYTES: usize = 4 << 20;

/// How long a trick waits for a client to read, or to go.
const PATIENCE: Duration = Duration::from_secs(1);

/// A handshake that is as it should be.
const OPEN: &str =
    r#"0{"sid":"hostile","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":100000}"#;

const JOINED: &str = r#"40{"sid":"somebody"}"#;

/// Listens until the process ends; each connection is the next trick of its kind.
pub(super) fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let turn = Arc::new(AtomicUsize::new(0));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let turn = Arc::clone(&turn);
            // A client that goes while it is being tricked is what we hope for.
            thread::spawn(move || _ = trick(stream, turn.fetch_add(1, Relaxed)));
        }
    });
    Ok(address)
}

fn trick(mut stream: TcpStream, turn: usize) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = Request::read(&mut stream)?;
    if request.key.is_some() {
        on_websocket(&mut stream, &request, turn)
    } else {
        on_polling(&mut stream, &request, turn)
    }
}

/// What the tricks look at in a request.
struct Request {
    target: String,
    is_post: bool,
    key: Option<String>,
}

impl Request {
    fn read(stream: &mut TcpStream) -> io::Result<Self> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() > 1 << 20 || stream.read(&mut byte)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let key = lines
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
            .map(|(_, key)| key.to_owned());
        let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
        Ok(Self { target, is_post: first.starts_with("POST"), key })
    }
}

/// One answer, or what passes for it. A session that got through is known by its id, and goes on as it began.
fn on_polling(stream: &mut TcpStream, request: &Request, turn: usize) -> io::Result<()> {
    if request.target.contains("sid=pings") {
        return go_on(stream, request, &"2\u{1e}".repeat(20_000));
    }
    if request.target.contains("sid=acks") {
        let asks = (0..5_000).map(|id| format!("42{id}[\"echo\",\"{}\"]\u{1e}", "x".repeat(50)));
        return go_on(stream, request, &format!("{JOINED}\u{1e}{}", asks.collect::<String>()));
    }
    if request.target.contains("sid=refuses") {
        return if request.is_post {
            answer(stream, "413 Payload Too Large", "too large")
        } else {
            answer(stream, "200 OK", JOINED)
        };
    }
    let open = |sid: &str, interval: &str| {
        format!(r#"0{{"sid":"{sid}","upgrades":[],"pingInterval":{interval},"pingTimeout":200}}"#)
    };
    match turn % 14 {
        0 => answer(stream, "200 OK", &open("pings", "300")),
        1 => answer(stream, "200 OK", &open("acks", "300")),
        2 => answer(stream, "200 OK", &open("refuses", "300")),
        3 => answer(stream, "200 OK", &open(&"x".repeat(70_000), "300")),
        4 => answer(stream, "200 OK", &open("odd", "1e300")),
        5 => answer(stream, "200 OK", &open("odd", "-1")),
        6 => answer(stream, "200 OK", &open("odd", "18446744073709551615")),
        7 => answer(stream, "200 OK", &format!("0{}", "[".repeat(100_000))),
        8 => flood(stream, b"HTTP/1.1 200 OK\r\n", b"X-More: of the same\r\n"),
        9 => {
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            flood(stream, head, b"10\r\n                \r\n")
        }
        10 => answer(stream, "307 Temporary Redirect\r\nLocation: /socket.io/", ""),
        11 => stream.write_all(&[0xff; 4_096]),
        12 => dribble(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0{\"sid\":\"slow"),
        _ => wait(stream),
    }
}

/// Answers POSTs late and GETs with the same again.
fn go_on(stream: &mut TcpStream, request: &Request, packets: &str) -> io::Result<()> {
    if request.is_post {
        wait(stream)
    } else {
        answer(stream, "200 OK", packets.trim_end_matches('\u{1e}'))
    }
}

/// Begins a session, or not, and then does one thing as often as it can.
fn on_websocket(stream: &mut TcpStream, request: &Request, turn: usize) -> io::Result<()> {
    let key = request.key.as_deref().unwrap_or_default();
    let accept = sockeye_proto::wire::ws::handshake::accept_key(key);
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )?;
    let begun = [text(OPEN), text(JOINED)].concat();
    let ask = text(&format!("421[\"echo\",\"{}\"]", "x".repeat(1_000)));
    match turn % 14 {
        0 => flood(stream, &begun, &text("2")),
        1 => flood(stream, &begun, &[0x89, 2, b'h', b'i']),
        2 => flood(stream, &begun, &ask),
        3 => flood(stream, &begun, &text(r#"44{"message":"no"}"#)),
        4 => flood(stream, &begun, &text("6")),
        5 => flood(stream, &[&begun[..], &[0x01, 1, b'4']].concat(), &[0x00, 1, b'x']),
        6 => flood(
            stream,
            &[&begun[..], &[0x82, 127, 0x3f, 0xff, 0xff, 0xff, 0, 0, 0, 0]].concat(),
            b"x",
        ),
        7 => flood(
            stream,
            &[begun, text(r#"451-["e",{"_placeholder":true,"num":0}]"#)].concat(),
            &text("2"),
        ),
        8 => flood(stream, &begun, &text(r#"42["event",{"more":[1,2,3]}]"#)),
        9 => {
            stream.write_all(&[&begun[..], &text("42[\"v\",NaN]")].concat())?;
            wait(stream)
        }
        10 => {
            stream.write_all(
                &[&begun[..], &[0x88, 6, 0x0f, 0xa1, b'b', b'y', b'e', 0xff]].concat(),
            )?;
            wait(stream)
        }
        11 => stream.write_all(&text(&OPEN.replace("hostile", &"x".repeat(60_000)))),
        12 => {
            stream.write_all(&begun)?;
            wait(stream)
        }
        _ => wait(stream),
    }
}

/// A text message of a server, in one frame.
fn text(body: &str) -> Vec<u8> {
    let mut out = Vec::new();
    frame::push_text_header(body.len(), None, &mut out);
    out.extend(body.as_bytes());
    out
}

fn answer(stream: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    // Some of the connections are closed although they seem to be kept.
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}")?;
    stream.shutdown(Shutdown::Write)
}

/// Sends the beginning, then the unit again and again, and reads nothing.
fn flood(stream: &mut TcpStream, beginning: &[u8], unit: &[u8]) -> io::Result<()> {
    stream.write_all(beginning)?;
    let block = unit.repeat(1 + 16_384 / unit.len());
    for _ in 0..FLOOD_BYTES / block.len() {
        stream.write_all(&block)?;
    }
    thread::sleep(PATIENCE); // still here, and still not reading
    Ok(())
}

fn dribble(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte])?;
        thread::sleep(PATIENCE / 50);
    }
    Ok(())
}

/// Says nothing more; takes what comes until nothing does.
fn wait(stream: &mut TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 4_096])? > 0 {}
    Ok(())
}
