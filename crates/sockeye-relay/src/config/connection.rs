//! A connection to a server, as it is configured.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Location, Secret, Time,
    several::{self, Short},
};

/// A connection to a Socket.IO server.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connection {
    /// What it is called in logs, metrics and records. Default: the URL's host, port and namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The server: http, https, ws or wss, then host, port and as the path the namespace, such as `https://host/imchat`.
    pub url: Location,
    /// The namespace, instead of the path of the URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nsp: Option<String>,
    /// Tasks of these keys go here; `*` stands for any text. A connection without keys gets all that fit nowhere.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "several::texts")]
    pub keys: Vec<String>,
    /// Where the server's Engine.IO listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The version of Engine.IO to speak: `auto` finds it out.
    pub eio: Eio,
    /// The transport to use: `auto` is polling, and a WebSocket as soon as there is one.
    pub transport: Transport,
    /// The parser that the server uses.
    pub parser: Parser,
    /// Headers of all requests.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    /// Fields of the query of all requests.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Secret>,
    /// The auth payload.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hidden")]
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub auth: Option<serde_json::Map<String, serde_json::Value>>,
    /// A file with the auth payload in JSON, read anew at each attempt to join.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_file: Option<PathBuf>,
    /// A shell command that prints the auth payload in JSON, run anew at each attempt to join.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_command: Option<String>,
    /// A shell command that prints a token, sent as `Authorization: Bearer …`, run anew at each attempt to connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer_command: Option<String>,
    /// How long connecting may take, and such a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Time>,
    /// Believe only the certificates in these files (PEM), and those that they signed.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "several::texts")]
    pub cacert: Vec<PathBuf>,
    /// The certificate of this client (PEM).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    /// Its private key (PEM), if that is not in the same file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Believe the server that holds the key with one of these hashes, `sha256/BASE64`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "several::texts")]
    pub pin: Vec<String>,
    /// Believe every certificate, so that anybody on the way can read and change everything.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// The proxy to go through, or `none`. Default: that of the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Secret>,
    /// Events to emit each time it has been joined, before any task: a login, a room to join.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_connect: Vec<OnConnect>,
}

/// An event to emit before any task.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OnConnect {
    /// Its name.
    pub event: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "hidden_list")]
    pub args: Vec<serde_json::Value>,
    /// Whether its ack is waited for. Default: yes.
    #[serde(default = "yes")]
    pub ack: bool,
    /// What the ack has to be; without it any ack will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    /// How long it may take.
    #[serde(default = "ten_seconds")]
    pub timeout: Time,
}

const fn yes() -> bool {
    true
}

const fn ten_seconds() -> Time {
    Time::seconds(10)
}

/// The names, without what they hold.
fn hidden<S: serde::Serializer>(
    auth: &Option<serde_json::Map<String, serde_json::Value>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(auth.iter().flatten().map(|(name, _)| (name, Secret::default())))
}

fn hidden_list<S: serde::Serializer, T>(_: &T, serializer: S) -> Result<S::Ok, S::Error> {
    [Secret::default()].serialize(serializer)
}

/// The version of Engine.IO.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Eio {
    /// Found out by how the server answers.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// That of Socket.IO 1 and 2, and of most Java servers.
    #[serde(rename = "3")]
    V3,
    /// That of Socket.IO 3 and 4.
    #[serde(rename = "4")]
    V4,
}

/// Which transports may be used.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Polling, and a WebSocket as soon as there is one; WebSocket alone if polling is refused.
    #[default]
    Auto,
    /// Polling alone.
    Polling,
    /// WebSocket alone.
    WebSocket,
}

/// How packets are written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Parser {
    /// As JSON, which is usual.
    #[default]
    Json,
    /// As msgpack.
    MsgPack,
}

/// The connections: `to = "https://host/imchat"`, one table `[to]`, or several `[[to]]`.
#[derive(Clone, Debug, Default, JsonSchema, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Connections(pub Vec<Connection>);

impl Connections {
    /// Whether these are the same, in the same order, but for which tasks they get.
    pub(super) fn differs_in_keys_alone(&self, other: &Self) -> bool {
        let without_keys = |it: &Connection| Connection { keys: Vec::new(), ..it.clone() };
        self.0.iter().map(without_keys).eq(other.0.iter().map(without_keys))
    }
}

impl<'de> Deserialize<'de> for Connections {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        several::tables(deserializer).map(Self)
    }
}

impl Short for Connection {
    const EXPECTED: &'static str = "a URL, a table [to], or several [[to]]";

    fn short(text: &str) -> Self {
        Self { url: Location::new(text), ..Self::default() }
    }
}
