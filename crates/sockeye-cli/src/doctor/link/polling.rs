//! A session on polling: what is said goes by POST, what is heard comes by GET.

use std::{collections::VecDeque, fmt, pin::Pin, rc::Rc, time::Duration};

use sockeye_proto::wire::{
    engine::{self, Version},
    polling::{Format, Item, Packets, encode},
    prepared::Prepared,
};
use tokio::time::{self, Instant};

use super::{
    http::Prober,
    pings::Pings,
    reading::{Reply, Unanswered},
    websocket::RawWebSocket,
};
use crate::doctor::found::{End, Opened, Reception, Said};

/// A GET that is under way.
type Get<'t> = Pin<Box<dyn Future<Output = Result<Reply, Unanswered>> + 't>>;

/// An open session.
pub(crate) struct Polls<'t> {
    prober: Rc<Prober<'t>>,
    version: Version,
    sid: String,
    heard: VecDeque<Said>,
    /// The server holds it as long as it has nothing to say; giving it up would end the session.
    get: Option<Get<'t>>,
    /// What the server said instead of going on.
    pub(crate) refused: Option<Reception>,
    /// The pings that came.
    pub(crate) pings: Pings,
}

impl<'t> Polls<'t> {
    /// A session that this handshake has opened.
    pub(crate) fn new(prober: Prober<'t>, opened: &Opened) -> Self {
        Self {
            prober: Rc::new(prober),
            version: opened.version,
            sid: opened.handshake.sid.clone(),
            heard: opened.rest.iter().cloned().map(Said::Text).collect(),
            get: None,
            refused: None,
            pings: Pings::default(),
        }
    }

    /// Sends a packet, encoded for the server.
    pub(crate) async fn send(&mut self, packet: &Prepared) {
        let (body, _) = encode(std::iter::once(packet), self.version, true, usize::MAX);
        self.post(body.content_type, body.bytes).await;
    }

    async fn post(&mut self, content_type: &'static str, body: Vec<u8>) {
        let asked = self.prober.polling(self.version, Some(&self.sid), Some((content_type, body)));
        let asked = asked.await;
        self.judge(asked);
    }

    /// What came, if it is an answer to a session; else the session is over.
    fn judge(&mut self, asked: Result<Reply, Unanswered>) -> Option<Reply> {
        match asked {
            Ok(reply) if reply.status.is_success() => Some(reply),
            asked => {
                self.refused.get_or_insert_with(|| Reception::of_polling(asked));
                None
            }
        }
    }

    /// The next that is said within this time; `None` is silence.
    pub(crate) async fn next(&mut self, limit: Duration) -> Option<Said> {
        let until = Instant::now() + limit;
        loop {
            if let Some(said) = self.heard.pop_front() {
                return Some(said);
            }
            if self.refused.is_some() {
                return Some(Said::End(End::Cut));
            }
            // Whoever always has something to say can't make us wait past this.
            if Instant::now() >= until {
                return None;
            }
            let get = self.get.get_or_insert_with(|| {
                let (prober, version) = (Rc::clone(&self.prober), self.version);
                let sid = self.sid.clone();
                Box::pin(async move { prober.polling(version, Some(&sid), None).await })
            });
            let Ok(asked) = time::timeout_at(until, get).await else { return None };
            self.get = None;
            if let Some(reply) = self.judge(asked) {
                self.read(&reply.body);
            }
        }
    }

    fn read(&mut self, body: &[u8]) {
        let mut packets = Packets::new(Format::of_answer(self.version, body), body);
        loop {
            let said = match packets.next() {
                Ok(Some(Item::Text("1"))) => {
                    Said::End(End::Closed { code: None, reason: String::new() })
                }
                Ok(Some(Item::Text("6"))) => continue,
                Ok(Some(Item::Text(text))) => {
                    if text.starts_with('2') {
                        self.pings.add();
                    }
                    Said::Text(text.to_owned())
                }
                Ok(Some(Item::Binary(bytes))) => Said::Binary(bytes.into_owned()),
                Ok(None) => break,
                Err(error) => Said::End(End::Broken(error.to_string())),
            };
            let is_end = matches!(said, Said::End(_));
            // One ping behind the other is no news.
            if self.heard.back() != Some(&said) || !said.is_ping() {
                self.heard.push_back(said);
            }
            if is_end {
                break;
            }
        }
    }

    /// The texts that came along with the handshake, and were not yet asked for.
    pub(crate) fn heard(&self) -> Vec<String> {
        let texts = self.heard.iter().filter_map(|said| match said {
            Said::Text(text) => Some(text.clone()),
            _ => None,
        });
        texts.collect()
    }

    /// A WebSocket that offers itself to the session.
    pub(crate) async fn offer(&self) -> Result<RawWebSocket, Reception> {
        self.prober.websocket(self.version, Some(&self.sid)).await
    }

    /// Says goodbye, and gives what the server said to that if it was no: a server that does not know the session.
    pub(crate) async fn close(mut self) -> Option<Reception> {
        if self.refused.is_none() {
            self.send(&Prepared::engine(engine::Kind::Close, "")).await;
        }
        self.refused
    }
}

impl fmt::Debug for Polls<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the sid.
        f.debug_struct("Polls").field("version", &self.version).finish_non_exhaustive()
    }
}
