//! Every client polls: it has a GET waiting, POSTs one event, and goes on when its ack came.
//!
//! As browsers do it, GETs and POSTs each have a connection of their own, kept alive.

use std::net::SocketAddr;
use std::time::Instant;

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
                        for text in body.split(|&byte| byte == SEPARATOR) {
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
        // With an ack for it, nothing that the server emits at connect is still under way.
        for (text, answer) in [("40", "40"), ("420[\"echo\",1]", "430[1]")] {
            post.ask((post_head(text.len()) + text).as_bytes())?;
            let came = |body: &[u8]| {
                body.split(|&byte| byte == SEPARATOR)
                    .any(|text| text.starts_with(answer.as_bytes()))
            };
            while !came(&get.ask(&get_request)?) {}
        }
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
