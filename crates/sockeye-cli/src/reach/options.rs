//! The options that every command has which talks to a Socket.IO server.

use std::path::PathBuf;

use clap::Args;
use http::HeaderValue;
use serde_json::{Map, Value};
use sockeye::client::{Builder, Client, Namespace, Parser, Query, Transport, UrlError, Version};

use super::{
    credentials::{Auth, Bearer, BearerError, auth_payload},
    road::{Header, Road, to_send},
};
use crate::{
    config::{Expected, words},
    failure::Failure,
    output::{Output, Printer, Reader},
    secrets::Secrets,
    trace::{Tracer, Tracing},
    units::Time,
    values::{Saved, Unreadable},
};

words! {
    /// Which transports may be used.
    pub(crate) enum Transports {
        /// Polling, and a WebSocket as soon as there is one; WebSocket alone if polling is refused.
        Auto = "auto",
        Polling = "polling",
        WebSocket = "websocket",
    }
}

words! {
    /// The version of Engine.IO.
    pub(crate) enum Eio {
        /// Found out by how the server answers.
        Auto = "auto",
        V3 = "3",
        V4 = "4",
    }
}

words! {
    /// How packets are written.
    pub(crate) enum Encoding {
        Json = "json",
        MsgPack = "msgpack",
    }
}

impl Eio {
    /// The one that is forced.
    pub(crate) const fn version(self) -> Option<Version> {
        match self {
            Self::Auto => None,
            Self::V3 => Some(Version::V3),
            Self::V4 => Some(Version::V4),
        }
    }
}

impl Encoding {
    pub(crate) const fn parser(self) -> Parser {
        match self {
            Self::Json => Parser::Json,
            Self::MsgPack => Parser::MsgPack,
        }
    }
}

/// Where the server is, and how to speak to it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Connection {
    /// The server: http://, https://, ws:// or wss://, then host[:port][/namespace][?query]. The path is the namespace
    pub(crate) url: String,
    /// Namespace to join, instead of the one in the URL; may be repeated where several can be joined
    // No namespace has a comma in its name: it ends the name on the wire.
    #[arg(
        long = "nsp",
        value_name = "NAMESPACE",
        value_delimiter = ',',
        value_parser = namespace,
        help_heading = "Connection"
    )]
    pub(crate) namespaces: Vec<String>,
    /// Where the server's Engine.IO listens
    #[arg(long, value_name = "PATH", default_value = "/socket.io/", help_heading = "Connection")]
    pub(crate) path: String,
    /// Ask for --path without a slash at its end; else one is added, as by other clients
    #[arg(long, help_heading = "Connection")]
    pub(crate) no_trailing_slash: bool,
    /// Transport to use: auto, polling or websocket
    #[arg(long, value_name = "NAME", default_value_t = Transports::Auto, help_heading = "Connection")]
    pub(crate) transport: Transports,
    /// Version of Engine.IO to speak: auto, 3 or 4
    #[arg(long, value_name = "VERSION", default_value_t = Eio::Auto, help_heading = "Connection")]
    pub(crate) eio: Eio,
    /// Parser that the server uses: json or msgpack
    #[arg(long, value_name = "NAME", default_value_t = Encoding::Json, help_heading = "Connection")]
    pub(crate) parser: Encoding,
    /// Header to send along with all requests; may be repeated. One without a value is left out, "User-Agent:" too
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", help_heading = "Connection")]
    pub(crate) headers: Vec<Header>,
    /// Field to add to the query of all requests; may be repeated
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Connection")]
    pub(crate) query: Vec<Field>,
    /// Auth payload: a JSON object, or @FILE with one, or @- for standard input
    #[arg(
        long,
        value_name = "JSON",
        env = "SOCKEYE_AUTH",
        hide_env_values = true,
        help_heading = "Connection"
    )]
    pub(crate) auth: Option<String>,
    /// Shell command whose output is sent as `Authorization: Bearer …`; it runs again before each attempt to connect
    #[arg(long, value_name = "COMMAND", help_heading = "Connection")]
    pub(crate) bearer_cmd: Option<String>,
    /// How long connecting may take, and each wait for an answer
    #[arg(long, value_name = "TIME", default_value_t = Time::seconds(10), help_heading = "Connection")]
    pub(crate) timeout: Time,
    #[command(flatten)]
    pub(crate) road: Road,
}

/// What a command says, and how.
#[derive(Debug, Args)]
pub(crate) struct Talk {
    /// Print JSON, one object a line, even to a terminal
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Save attachments to files in this folder instead of printing them in base64
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    save_bin: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) tracing: Tracing,
}

impl Talk {
    /// The attachments that can be read back.
    pub(crate) fn saved(&self) -> Saved {
        Saved::new(self.save_bin.clone())
    }

    /// What prints so.
    ///
    /// # Errors
    ///
    /// The folder for attachments can't be made.
    pub(crate) fn printer(self, output: &Output) -> Result<Printer<'_>, Failure> {
        let reader = Reader::new(self.json);
        Ok(Printer::new(output, reader, self.save_bin, self.tracing.is_verbose())?)
    }
}

/// A connection as it was asked for, its files read.
pub(crate) struct Plan {
    pub(crate) builder: Builder,
    /// In the order given; the first is the builder's own.
    pub(crate) namespaces: Vec<String>,
    /// Its address as people may see it.
    pub(crate) server: String,
    pub(crate) forced: Option<Version>,
    /// Whether `/` is joined because nobody named a namespace.
    pub(crate) is_unasked: bool,
    parser: Parser,
    pub(crate) timeout: Time,
    pub(crate) has_bearer: bool,
    /// May still change; each attempt to join takes what it is then.
    pub(crate) auth: Auth,
}

impl Plan {
    /// Shows what passes.
    pub(crate) fn traced(mut self, tracer: Option<Tracer>) -> Self {
        if let Some(tracer) = tracer {
            self.builder = tracer.attach(self.builder, self.parser);
        }
        self
    }
}

impl Connection {
    /// Whether more than one namespace is to be joined.
    pub(crate) const fn has_many_namespaces(&self) -> bool {
        self.namespaces.len() > 1
    }

    /// The URL with the first namespace as its path, and the names of all namespaces.
    pub(crate) fn place(&self) -> (String, Vec<String>) {
        place(&self.url, self.namespaces.clone())
    }

    /// The fields that go along with each request.
    ///
    /// # Errors
    ///
    /// [`UrlError`].
    pub(crate) fn fields(&self) -> Result<Query, UrlError> {
        let mut query = Query::of_url(&self.url)?;
        for Field { name, value } in &self.query {
            query.push(name, value);
        }
        Ok(query)
    }

    /// Says what of it is passed over. What is wrong with it is said elsewhere.
    pub(crate) fn warn(&self, output: &Output) {
        let Ok(query) = self.fields() else { return };
        if !query.left_out().is_empty() {
            output.talk(&format!(
                "warning: left out of the query, as Engine.IO decides it: {}; use --eio and --transport to choose",
                query.left_out().join(", ")
            ));
        }
    }

    /// The auth payload, its file read.
    ///
    /// # Errors
    ///
    /// The file can't be read, or holds something else than it should.
    pub(crate) fn auth_payload(&self) -> Result<Option<Map<String, Value>>, Unreadable> {
        self.auth.as_deref().map(auth_payload).transpose()
    }

    /// The header that the command for a token makes, if there is one.
    ///
    /// # Errors
    ///
    /// [`BearerError`].
    pub(crate) async fn bearer(&self) -> Result<Option<HeaderValue>, BearerError> {
        match &self.bearer_cmd {
            None => Ok(None),
            Some(command) => Bearer::new(command.clone(), self.timeout).header().await.map(Some),
        }
    }

    /// That of a command whose lines come from standard input: nothing else can.
    ///
    /// # Errors
    ///
    /// The auth payload is to come from there, too.
    pub(crate) fn without_stdin(self) -> Result<Self, Failure> {
        match self.auth.as_deref() {
            Some(STDIN) => Err(Failure::usage(
                "--auth @- is standard input, which the lines come from; name a file: --auth @FILE",
            )),
            _ => Ok(self),
        }
    }

    /// The same server, but with these namespaces; with its own, if there are none.
    pub(crate) fn with_namespaces(self, namespaces: Vec<String>) -> Self {
        if namespaces.is_empty() { self } else { Self { namespaces, ..self } }
    }

    /// Comes with another auth payload.
    pub(crate) fn set_auth(&mut self, given: String) {
        self.auth = Some(given);
    }

    /// Reads what has to be read.
    ///
    /// # Errors
    ///
    /// A file can't be read, or holds something else than it should.
    pub(crate) fn plan(self) -> Result<Plan, Failure> {
        let auth = Auth::new(self.auth_payload()?.unwrap_or_default());
        let (url, namespaces) = self.place();
        let server = without_secrets(&url);
        let is_unasked = self.namespaces.is_empty() && namespaces == ["/"];
        let parser = self.parser.parser();
        // Servers may repeat them in what they say.
        let secrets = Secrets::of_process();
        secrets.target(&self.url);
        for Field { name, value } in &self.query {
            secrets.add_field(name, value);
        }
        let headers = to_send(&self.headers)?;
        for Header { name, value } in &headers {
            secrets.header(name, value);
        }
        let mut builder =
            Client::builder(url).path(self.path).trailing_slash(!self.no_trailing_slash);
        builder = builder.connect_timeout(self.timeout.get()).parser(parser);
        builder = match self.transport {
            Transports::Auto => builder,
            Transports::Polling => builder.transports([Transport::Polling]).upgrade(false),
            Transports::WebSocket => builder.websocket_only(),
        };
        let forced = self.eio.version();
        if let Some(version) = forced {
            builder = builder.version(version);
        }
        for Header { name, value } in headers {
            builder = builder.header(name, value);
        }
        for Field { name, value } in self.query {
            builder = builder.query(name, value);
        }
        for namespace in namespaces.iter().skip(1) {
            builder = builder.namespace(namespace, Namespace::new().auth_with(auth.ask()));
        }
        builder = builder.auth_with(auth.ask());
        let has_bearer = self.bearer_cmd.is_some();
        if let Some(command) = self.bearer_cmd {
            builder = Bearer::new(command, self.timeout).attach(builder);
        }
        if let Some(tls) = self.road.tls()? {
            builder = builder.tls(tls);
        }
        if let Some(proxy) = self.road.proxy()? {
            builder = builder.proxy(proxy);
        }
        Ok(Plan {
            builder,
            namespaces,
            server,
            forced,
            is_unasked,
            parser,
            timeout: self.timeout,
            has_bearer,
            auth,
        })
    }
}

/// How standard input is named where a file can be.
pub(crate) const STDIN: &str = "@-";

/// A namespace as it is named: it may become the path of a URL, which has to read the same.
pub(crate) fn namespace(name: &str) -> Result<String, Expected> {
    let name = name.trim();
    match name.contains(|c: char| c.is_control() || c == '?' || c == '#') {
        true => Err(Expected(r#"a name such as "/chat"; the fields of a query go with --query"#)),
        false => Ok(name.to_owned()),
    }
}

/// The URL with the first namespace as its path, and the names of all.
fn place(url: &str, mut namespaces: Vec<String>) -> (String, Vec<String>) {
    // Whoever reads the URL passes over these.
    let url = url.trim_matches(|c: char| c <= ' ').replace(['\t', '\n', '\r'], "");
    let url = url.as_str();
    let begin = url.find("://").map_or(0, |index| index + 3);
    let (head, rest) = url.split_at(begin);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, tail) = rest.split_at(end);
    let (path, query) = tail.split_at(tail.find(['?', '#']).unwrap_or(tail.len()));
    for namespace in &mut namespaces {
        if !namespace.starts_with('/') {
            namespace.insert(0, '/');
        }
    }
    let Some(first) = namespaces.first() else {
        let path = path.trim_end_matches('/');
        return (url.to_owned(), vec![if path.is_empty() { "/" } else { path }.to_owned()]);
    };
    (format!("{head}{host}{first}{query}"), namespaces)
}

/// A URL without what may be secret in it: its query, and the user in front of the host.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_at(url.find("://").map_or(0, |index| index + 3));
    let host = rest.split('/').next().unwrap_or_default();
    format!("{scheme}{}", &rest[host.rfind('@').map_or(0, |index| index + 1)..])
}

/// A field of a query.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl std::str::FromStr for Field {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err(Expected(r#"a name and a value, such as "room=1""#)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_url_are_not_shown() {
        assert_eq!(without_secrets("wss://h:1/imchat?token=1#a"), "wss://h:1/imchat");
        assert_eq!(without_secrets("http://me:p@w@h/a@b"), "http://h/a@b");
        assert_eq!(without_secrets("me:pw@h?a=://"), "h");
        assert_eq!(without_secrets(""), "");
    }

    #[test]
    fn the_path_is_the_namespace() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(url: &str, namespaces: &[&str], expect: (&str, &[&str])) {
            let (url, names) = place(url, namespaces.iter().map(ToString::to_string).collect());
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            assert_eq!((url.as_str(), names.as_slice()), expect);
        }
        check("http://h", &[], ("http://h", &["/"]));
        check("http://h/", &[], ("http://h/", &["/"]));
        check("http://h/imchat?a=/b", &[], ("http://h/imchat?a=/b", &["/imchat"]));
        check("http://h/imchat?a=1", &["/other"], ("http://h/other?a=1", &["/other"]));
        check("http://h?a=1", &["a", "/b"], ("http://h/a?a=1", &["/a", "/b"]));
        check(" http://h/imchat\n?a b ", &[], ("http://h/imchat?a b", &["/imchat"]));
    }
}
