//! A session on polling by hand: each request is a test's own.

use super::http::{Answer, Http};

/// One session, with a connection for GETs and one for POSTs, as browsers have them.
#[derive(Debug)]
pub(crate) struct Polling {
    pub(crate) url: String,
    pub(crate) sid: String,
    /// What opened the session.
    pub(crate) opening: Answer,
    pub(crate) get: Http,
    pub(crate) post: Http,
}

impl Polling {
    /// Opens a session.
    pub(crate) async fn open(url: &str) -> Self {
        Self::open_with(url, "").await
    }

    /// Opens a session, with these fields behind those that every client has.
    pub(crate) async fn open_with(url: &str, fields: &str) -> Self {
        let mut get = Http::connect(url).await;
        get.send(&format!("GET /socket.io/?EIO=4&transport=polling{fields}"), "", b"").await;
        let opening = get.read().await;
        assert_eq!(opening.status, 200, "{opening:?}");
        let sid = sid_of(opening.text());
        let post = Http::connect(url).await;
        Self { url: url.to_owned(), sid, opening, get, post }
    }

    /// Opens a session and joins `/`.
    pub(crate) async fn join(url: &str) -> Self {
        Self::open(url).await.joined().await
    }

    /// Joins `/`.
    pub(crate) async fn joined(self) -> Self {
        let mut session = self;
        assert_eq!(session.post("40").await.brief(), (200, "ok"));
        let joined = session.get().await;
        assert!(joined.text().starts_with(r#"40{"sid":""#), "{joined:?}");
        session
    }

    pub(crate) fn path(&self) -> String {
        format!("/socket.io/?EIO=4&transport=polling&sid={}", self.sid)
    }

    pub(crate) fn websocket_url(&self) -> String {
        let address = self.url.trim_start_matches("http://");
        format!("ws://{address}/socket.io/?EIO=4&transport=websocket&sid={}", self.sid)
    }

    /// Sends a GET, and does not wait for its answer.
    pub(crate) async fn begin_get(&mut self) {
        let line = format!("GET {}", self.path());
        self.get.send(&line, "", b"").await;
    }

    pub(crate) async fn get(&mut self) -> Answer {
        self.begin_get().await;
        self.get.read().await
    }

    pub(crate) async fn post(&mut self, body: &str) -> Answer {
        self.post_with("content-type: text/plain;charset=UTF-8\r\n", body.as_bytes()).await
    }

    pub(crate) async fn post_with(&mut self, headers: &str, body: &[u8]) -> Answer {
        let line = format!("POST {}", self.path());
        self.post.send(&line, headers, body).await;
        self.post.read().await
    }

    /// A further connection, for requests beside the others.
    pub(crate) async fn another(&self) -> Http {
        Http::connect(&self.url).await
    }

    /// GETs until so many packets have come, without those that say nothing.
    pub(crate) async fn packets(&mut self, count: usize) -> Vec<String> {
        let mut packets = Vec::new();
        while packets.len() < count {
            let answer = self.get().await;
            assert_eq!(answer.status, 200, "{answer:?} behind {packets:?}");
            let text = answer.text().to_owned();
            packets.extend(text.split('\u{1E}').filter(|p| *p != "6").map(str::to_owned));
        }
        packets
    }
}

/// The session's id, from an open packet.
pub(crate) fn sid_of(open: &str) -> String {
    let (_, rest) = open.split_once(r#""sid":""#).expect("an open packet");
    rest.split('"').next().unwrap().to_owned()
}
