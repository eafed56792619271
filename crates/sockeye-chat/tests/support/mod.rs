//! A real chat server on a free port, and clients that speak to it over real connections.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};
use sockeye::server::Server;
use sockeye_chat::Chat;
use tokio::{net::TcpListener, runtime::Runtime};
use tungstenite::{Message, WebSocket};

/// Longest wait for anything: only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server; it ends when dropped.
pub(crate) struct House {
    pub(crate) chat: Chat,
    address: SocketAddr,
    _runtime: Runtime,
}

impl House {
    pub(crate) fn open() -> Self {
        let runtime = Runtime::new().unwrap();
        let chat = {
            let _entered = runtime.enter();
            Chat::build(Server::builder()).unwrap()
        };
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let router = chat.router();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { chat, address, _runtime: runtime }
    }

    /// Somebody who has joined `/chat`.
    pub(crate) fn enter(&self, name: &str) -> Client {
        self.knock(&json!({ "name": name }).to_string()).unwrap()
    }

    /// The same from a browser with a key: its tabs are one person.
    pub(crate) fn enter_with_key(&self, name: &str, key: &str) -> Client {
        self.knock(&json!({ "name": name, "key": key }).to_string()).unwrap()
    }

    /// Asks to join with this auth payload; the error is that of the CONNECT_ERROR.
    pub(crate) fn knock(&self, auth: &str) -> Result<Client, Value> {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", self.address);
        let (ws, _) = tungstenite::client(url, stream).unwrap();
        let mut client = Client { ws, id: String::new(), next_ack: 0, heard: VecDeque::new() };
        assert!(client.read().starts_with('0'));
        client.write(&format!("40/chat,{auth}"));
        let answer = client.read();
        if let Some(error) = answer.strip_prefix("44/chat,") {
            return Err(serde_json::from_str(error).unwrap());
        }
        let welcome: Value =
            serde_json::from_str(answer.strip_prefix("40/chat,").unwrap()).unwrap();
        client.id = welcome["sid"].as_str().unwrap().to_owned();
        Ok(client)
    }
}

/// One socket of `/chat`.
pub(crate) struct Client {
    ws: WebSocket<TcpStream>,
    pub(crate) id: String,
    next_ack: u64,
    /// Events that nobody has asked for yet, in order.
    heard: VecDeque<(String, Value)>,
}

impl Client {
    /// Emits an event and waits for its ack; gives the ack's first argument.
    pub(crate) fn ask(&mut self, event: &str, argument: impl Into<Value>) -> Value {
        let arguments = json!([event, argument.into()]).to_string();
        self.ask_raw(&arguments)
    }

    /// The same with the JSON of the packet as it is.
    pub(crate) fn ask_raw(&mut self, arguments: &str) -> Value {
        let id = self.next_ack;
        self.next_ack += 1;
        self.write(&format!("42/chat,{id}{arguments}"));
        let ack = format!("43/chat,{id}");
        loop {
            let packet = self.read();
            if let Some(answer) = packet.strip_prefix(&ack) {
                let mut answer: Vec<Value> = serde_json::from_str(answer).unwrap();
                return if answer.is_empty() { Value::Null } else { answer.remove(0) };
            }
            self.keep(&packet);
        }
    }

    /// Emits an event that asks for no ack.
    pub(crate) fn emit(&mut self, event: &str, argument: impl Into<Value>) {
        let arguments = json!([event, argument.into()]);
        self.write(&format!("42/chat,{arguments}"));
    }

    /// Joins a room where it is not yet, and gives the names of the people there.
    pub(crate) fn join(&mut self, room: &str) -> Vec<String> {
        let entrance = self.ask("join", room);
        let people = entrance["people"].as_array().unwrap_or_else(|| panic!("{entrance}"));
        people.iter().map(|person| person["name"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn say(&mut self, room: &str, text: &str) -> Value {
        self.ask("say", json!({ "room": room, "text": text }))
    }

    /// The argument of the next event of this name; others are kept.
    pub(crate) fn hear(&mut self, event: &str) -> Value {
        self.hear_until(event, |_| true)
    }

    /// Skips events of this name until one is as wanted.
    pub(crate) fn hear_until(&mut self, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            while let Some(at) = self.heard.iter().position(|(name, _)| name == event) {
                let (_, argument) = self.heard.remove(at).unwrap();
                if wanted(&argument) {
                    return argument;
                }
            }
            let packet = self.read();
            self.keep(&packet);
        }
    }

    /// The next event, whatever it is, and its argument.
    pub(crate) fn hear_any(&mut self) -> (String, Value) {
        while self.heard.is_empty() {
            let packet = self.read();
            self.keep(&packet);
        }
        self.heard.pop_front().unwrap()
    }

    /// Forgets what has arrived and was not asked for.
    pub(crate) fn forget(&mut self) {
        self.heard.clear();
    }

    /// The names of all events that have arrived and were not asked for.
    ///
    /// What was queued for this client before the call has arrived when it returns: the answer to `rtt` is behind it.
    pub(crate) fn overhears(&mut self) -> Vec<String> {
        assert_eq!(self.ask_raw(r#"["rtt"]"#), Value::Null);
        self.heard.drain(..).map(|(event, _)| event).collect()
    }

    /// Loses the connection without a goodbye.
    pub(crate) fn cut(self) {
        drop(self.ws);
    }

    /// Leaves the namespace, and says so.
    pub(crate) fn disconnect(mut self) {
        self.write("41/chat,");
    }

    fn keep(&mut self, packet: &str) {
        let event = packet.strip_prefix("42/chat,").unwrap_or_else(|| panic!("{packet}"));
        let mut event: Vec<Value> = serde_json::from_str(event).unwrap();
        assert_eq!(event.len(), 2, "every event of the chat has one argument");
        let argument = event.remove(1);
        self.heard.push_back((event[0].as_str().unwrap().to_owned(), argument));
    }

    fn write(&mut self, text: &str) {
        self.ws.send(Message::text(text)).unwrap();
    }

    /// The next message but pings.
    fn read(&mut self) -> String {
        loop {
            match self.ws.read().expect("the server has something to say") {
                Message::Text(text) if text.as_str() == "2" => self.write("3"),
                Message::Text(text) => return text.as_str().to_owned(),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// The code of an error ack.
pub(crate) fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or("accepted")
}
