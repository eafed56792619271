//! Every client polls: it has a GET waiting, POSTs one event, and goes on when its ack came.
//!
//! As browsers do it, GETs and POSTs each have a connection of their own, kept alive.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::http::Http;
use super::{LoadError, PATIENCE, Tally};
use crate::numbered::Numbered;
use crate::order::Order;
use crate::readiness::Readiness;

pub(crate) struct PollLoad {
    event: Numbered,
    ack: Numbered,
    readiness: Readiness,
    clients: Vec<Client>,
    scratch: Box<[u8]>,
}

struct Client {
    get: Http,
    post: Http,
    get_request: Vec<u8>,
    /// The head of every POST of an event: they are all equally long.
    post_head: Vec<u8>,
    sent: u64,
    order: Order,
    /// The last POST has not been answered.
    posting: bool,
}

/// Between the packets of one body.
const SEPARATOR: u8 = 0x1e;
/// A ping of Engine.IO. The servers of a load wait longer for its pong than a load takes.
const PING: &[u8] = b"2";
/// How long a first event waits for its ack, before another one is sent.
const FIRST_ACK: Duration = Duration::from_millis(50);

impl PollLoad {
    /// Opens `wanted` sessions, all in the namespace `/`, whose events have `bytes` bytes.
    pub(crate) fn connect(
        address: SocketAddr,
        wanted: usize,
        bytes: usize,
    ) -> Result<Self, LoadError> {
        let event = Numbered::echo_event(bytes);
        let readiness = Readiness::new()?;
        let mut clients = Vec::with_capacity(wanted);
        for index in 0..wanted {
            let client = Client::open(address, event.len())?;
            readiness.watch(client.get.stream(), 2 * index)?;
            readiness.watch(client.post.stream(), 2 * index + 1)?;
            clients.push(client);
        }
        let scratch = vec![0; 64 * 1024].into_boxed_slice();
        Ok(Self { event, ack: Numbered::echo_ack(bytes), readiness, clients, scratch })
    }

    /// Every client sends `each` more events, one after the other's ack.
    ///
    /// Returns what this call saw; acks missing at its end are lost.
    pub(crate) fn run(&mut self, each: u64) -> Result<Tally, LoadError> {
        let Self { event, ack, readiness, clients, scratch } = self;
        let mut tally = Tally::default();
        let goals: Vec<u64> = clients.iter().map(|client| client.sent + each).collect();
        let mut out = Vec::new();
        for client in clients.iter_mut() {
            client.get.send(&client.get_request)?;
            client.send_event(event, &mut out)?;
        }

        let mut busy = clients.len();
        let mut last_arrival = Instant::now();
        let mut ready = Vec::new();
        while busy > 0 && last_arrival.elapsed() < PATIENCE {
            readiness.wait(Some(PATIENCE), &mut ready)?;
            for key in ready.drain(..) {
                let goal = goals[key / 2];
                let client = &mut clients[key / 2];
                let was_waiting = client.is_waiting();
                let mut answered = false;
                if key % 2 == 1 {
                    let Client { post, posting, .. } = client;
                    post.read(scratch, |_| (*posting, answered) = (false, true))?;
                } else {
                    let Client { get, order, sent, .. } = client;
                    get.read(scratch, |body| {
                        answered = true;
                        for text in packets(body).filter(|&text| text != PING) {
                            match ack.number_of(text) {
                                Some(number) => order.arrived(number, *sent, &mut tally.faults),
                                None => tally.faults.strange += 1,
                            }
                        }
                    })?;
                }
                if !answered {
                    continue;
                }
                last_arrival = Instant::now();
                let waiting = client.is_waiting();
                let acked = was_waiting && !waiting;
                tally.arrived += u64::from(acked);
                if key % 2 == 0 && (waiting || client.sent < goal) {
                    client.get.send(&client.get_request)?;
                }
                if waiting || client.posting {
                    continue;
                }
                if client.sent < goal {
                    client.send_event(event, &mut out)?;
                } else {
                    busy -= 1;
                }
            }
        }
        tally.faults.lost = (each * clients.len() as u64).saturating_sub(tally.arrived);
        Ok(tally)
    }
}

impl Client {
    /// Opens a session and joins the namespace; `bytes` is the length of its events.
    fn open(address: SocketAddr, bytes: usize) -> Result<Self, LoadError> {
        let mut get = Http::connect(address, PATIENCE)?;
        let mut post = Http::connect(address, PATIENCE)?;
        let path = "/socket.io/?EIO=4&transport=polling";
        let open = get.ask(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes())?;
        let open = String::from_utf8_lossy(&open).into_owned();
        let id = open.split_once("\"sid\":\"").and_then(|(_, rest)| rest.split('"').next());
        let Some(id) = id else {
            return Err(LoadError::Handshake { phase: "opening its session", found: open });
        };
        let path = format!("{path}&sid={id}");
        let get_request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes();
        let post_head = |bytes| {
            format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\n\
                 Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {bytes}\r\n\r\n"
            )
        };
        post.ask((post_head(2) + "40").as_bytes())?;
        while !packets(&get.ask(&get_request)?).any(|text| text.starts_with(b"40")) {}
        // With an ack for it, nothing that the server emits at connect is still under way.
        first_ack(&mut get, &get_request, |text| {
            post.ask((post_head(text.len()) + text).as_bytes()).map(drop)
        })?;
        get.no_waiting()?;
        post.no_waiting()?;
        let post_head = post_head(bytes).into_bytes();
        let order = Order::default();
        Ok(Self { get, post, get_request, post_head, sent: 0, order, posting: false })
    }

    fn send_event(&mut self, event: &Numbered, out: &mut Vec<u8>) -> Result<(), LoadError> {
        out.clear();
        out.extend(&self.post_head);
        event.push_text(self.sent, out);
        self.sent += 1;
        self.posting = true;
        self.post.send(out)
    }

    /// An ack has not come.
    fn is_waiting(&self) -> bool {
        self.order.count() < self.sent
    }
}

/// Sends events until the last of them is answered: `socketioxide` drops those that come while its
/// connect handler has not run yet, and tells nobody. Acks of the others came before, or never will.
fn first_ack(
    get: &mut Http,
    get_request: &[u8],
    mut post: impl FnMut(&str) -> Result<(), LoadError>,
) -> Result<(), LoadError> {
    let mut wait = FIRST_ACK;
    get.send(get_request)?;
    for id in 0.. {
        post(&format!("42{id}[\"echo\",1]"))?;
        let ack = format!("43{id}[1]");
        let until = Instant::now() + wait;
        while let Some(body) = get.answer_within(until.saturating_duration_since(Instant::now()))? {
            if packets(&body).any(|text| text == ack.as_bytes()) {
                return Ok(());
            }
            get.send(get_request)?;
        }
        if wait > PATIENCE {
            break;
        }
        wait *= 2; // it may be slow instead
    }
    let found = "no ack".to_owned();
    Err(LoadError::Handshake { phase: "waiting for its first ack", found })
}

fn packets(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|&byte| byte == SEPARATOR)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::mem;
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Condvar, Mutex};
    use std::thread;

    use super::*;

    /// A session on polling whose server drops the first events, and pings when nobody expects it.
    #[derive(Default)]
    struct Careless {
        queue: Mutex<Vec<String>>,
        filled: Condvar,
        dropped: Mutex<u32>,
    }

    impl Careless {
        /// What is answered to a request.
        fn answer(&self, request: &str, body: &str) -> String {
            let mut queue = self.queue.lock().unwrap();
            if !request.contains("sid=") {
                return "0{\"sid\":\"x\"}".to_owned();
            } else if request.starts_with("GET") {
                queue = self.filled.wait_while(queue, |queue| queue.is_empty()).unwrap();
                return mem::take(&mut *queue).join("\x1e");
            } else if body == "40" {
                queue.push("40{}".to_owned());
            } else if *self.dropped.lock().unwrap() < 2 {
                *self.dropped.lock().unwrap() += 1;
            } else {
                let (id, argument) = body.split_once("[\"echo\",").unwrap();
                queue.extend(["2".to_owned(), id.replacen("42", "43", 1) + "[" + argument]);
            }
            self.filled.notify_one();
            "ok".to_owned()
        }

        /// Serves one connection until it ends.
        fn serve(&self, stream: TcpStream) {
            let mut lines = BufReader::new(&stream);
            let mut line = String::new();
            while lines.read_line(&mut line).unwrap() > 0 {
                let request = mem::take(&mut line);
                let mut bytes = 0;
                while lines.read_line(&mut line).unwrap() > 2 {
                    if let Some(length) = line.strip_prefix("Content-Length: ") {
                        bytes = length.trim().parse().unwrap();
                    }
                    line.clear();
                }
                line.clear();
                let mut body = vec![0; bytes];
                lines.read_exact(&mut body).unwrap();
                let answer = self.answer(&request, str::from_utf8(&body).unwrap());
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
                (&stream).write_all((head + &answer).as_bytes()).unwrap();
            }
        }
    }

    #[test]
    fn a_server_that_drops_the_first_events_is_asked_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = Arc::new(Careless::default());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let server = Arc::clone(&server);
                thread::spawn(move || server.serve(stream.unwrap()));
            }
        });
        let mut load = PollLoad::connect(address, 1, 64).unwrap();
        let tally = load.run(20).unwrap();
        assert_eq!(tally.arrived, 20);
        assert!(tally.faults.none(), "{}", tally.faults);
    }
}
