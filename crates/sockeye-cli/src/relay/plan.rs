//! What was asked for: the file, and the flags over it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};
use sockeye_relay::{
    config::{
        Config, ConfigError, Connection, Eio, Location, Parser, Secret, Sink, Time, Transport,
    },
    inlet::http::Token,
};

use super::{
    failure::Wrong,
    options::{Reach, Run},
};
use crate::{
    failure::Failure,
    reach::{self, STDIN},
    secrets::Secrets,
    values::Unreadable,
};

/// The file that is read when none is named.
const DEFAULT: &str = "relay.toml";

/// What a file says; the usual, if none is named and there is none.
///
/// # Errors
///
/// [`ConfigError`].
pub(super) fn file(named: Option<&Path>) -> Result<Config, ConfigError> {
    match named {
        Some(path) => Config::load(path),
        None if Path::new(DEFAULT).exists() => Config::load(Path::new(DEFAULT)),
        None => Ok(Config::default()),
    }
}

/// What file and flags say together.
///
/// # Errors
///
/// [`Failure`]: the file is wrong, or they don't go together.
pub(super) fn config(run: &Run) -> Result<Config, Failure> {
    let mut config = file(run.config.as_deref())?;
    let location = |url: &String| {
        Secrets::of_process().user(url);
        Location::new(url)
    };
    if let Some(from) = &run.from {
        config.from = Some(location(from));
    }
    if let Some(queue) = &run.queue {
        config.queue = Some(location(queue));
    }
    if config.queue.is_some() && !config.reads_stdin() {
        return Err(Wrong::TwoQueues.into());
    }
    if let Some(listen) = &run.listen {
        config.listen = Some(listen.to_string());
    }
    if let Some(path) = &run.token_file {
        (config.token, config.token_file) = (None, Some(path.clone()));
    }
    let delivery = &mut config.delivery;
    delivery.confirm = run.confirm.unwrap_or(delivery.confirm);
    delivery.in_flight = run.in_flight.map_or(delivery.in_flight, |count| count.get());
    let time = |given: Option<crate::units::Time>, usual| given.map_or(usual, |it| Time(it.get()));
    delivery.confirm_timeout = time(run.confirm_timeout, delivery.confirm_timeout);
    delivery.grace = time(run.grace, delivery.grace);
    config.sink.extend(run.sinks.iter().map(|url| Sink::new(location(url))));
    if let Some(path) = &run.spool {
        config.spool.path.clone_from(path);
    }
    lay_over(&mut config.to.0, run.to.as_deref(), &run.reach)?;
    for connection in &config.to.0 {
        hide(connection);
    }
    Ok(config)
}

/// Lays what flags say over the only connection; makes one, if a server is named.
fn lay_over(to: &mut Vec<Connection>, url: Option<&str>, reach: &Reach) -> Result<(), Failure> {
    if url.is_none() && !reach.is_given() {
        return Ok(());
    }
    if to.len() > 1 {
        return Err(Failure::usage(
            "the file names several servers, and flags are for one alone; write it into the file, at the one that is meant",
        ));
    }
    if to.is_empty() {
        to.push(Connection::default());
    }
    let Some(connection) = to.first_mut() else { return Ok(()) };
    if let Some(url) = url {
        connection.url = Location::new(url);
    }
    let Reach { nsp, path, transport, eio, parser, headers, query, auth, auth_command, .. } = reach;
    if let Some(nsp) = nsp {
        connection.nsp = Some(nsp.clone());
    }
    if let Some(path) = path {
        connection.path = Some(path.clone());
    }
    match transport {
        None => {}
        Some(reach::Transports::Auto) => connection.transport = Transport::Auto,
        Some(reach::Transports::Polling) => connection.transport = Transport::Polling,
        Some(reach::Transports::WebSocket) => connection.transport = Transport::WebSocket,
    }
    match eio {
        None => {}
        Some(reach::Eio::Auto) => connection.eio = Eio::Auto,
        Some(reach::Eio::V3) => connection.eio = Eio::V3,
        Some(reach::Eio::V4) => connection.eio = Eio::V4,
    }
    match parser {
        None => {}
        Some(reach::Encoding::Json) => connection.parser = Parser::Json,
        Some(reach::Encoding::MsgPack) => connection.parser = Parser::MsgPack,
    }
    for header in reach::to_send(headers)? {
        let value = String::from_utf8_lossy(header.value.as_bytes()).into_owned();
        connection.headers.insert(header.name.to_string(), Secret::new(value));
    }
    for field in query {
        connection.query.insert(field.name.clone(), Secret::new(&*field.value));
    }
    if auth.is_some() || auth_command.is_some() {
        (connection.auth, connection.auth_file) = (None, None);
        connection.auth_command.clone_from(auth_command);
    }
    match auth.as_deref() {
        None => {}
        Some(STDIN) => {
            return Err(Failure::usage(
                "--auth @- is standard input, which tasks may come from; name a file: --auth @FILE",
            ));
        }
        Some(text) => match text.strip_prefix('@') {
            Some(path) => connection.auth_file = Some(PathBuf::from(path)),
            None => connection.auth = Some(payload(text)?),
        },
    }
    if let Some(command) = &reach.bearer_cmd {
        connection.bearer_command = Some(command.clone());
    }
    if let Some(timeout) = reach.timeout {
        connection.timeout = Some(Time(timeout.get()));
    }
    let road = &reach.road;
    connection.insecure |= road.insecure;
    if !road.cacert.is_empty() {
        connection.cacert.clone_from(&road.cacert);
    }
    if road.cert.is_some() {
        connection.cert.clone_from(&road.cert);
        connection.key.clone_from(&road.key);
    }
    if !road.pin.is_empty() {
        connection.pin.clone_from(&road.pin);
    }
    if let Some(proxy) = &road.proxy {
        connection.proxy = Some(Secret::new(proxy));
    }
    Ok(())
}

fn payload(text: &str) -> Result<Map<String, Value>, Unreadable> {
    serde_json::from_str(text).map_err(|error| Unreadable::Auth {
        // Its own text may quote what it read.
        reason: format!("line {}, column {}", error.line(), error.column()),
    })
}

/// Servers may repeat what is secret in what they say.
fn hide(connection: &Connection) {
    let secrets = Secrets::of_process();
    secrets.target(connection.url.reveal());
    for (name, value) in &connection.query {
        secrets.add_field(name, value.reveal());
    }
    for value in connection.headers.values() {
        secrets.add(value.reveal());
    }
    if let Some(auth) = &connection.auth {
        secrets.add_payload(auth);
    }
    if let Some(proxy) = &connection.proxy {
        secrets.user(proxy.reveal());
    }
}

/// The token that the inlet asks for.
///
/// # Errors
///
/// [`Wrong`]: the file can't be read, or holds none.
pub(super) fn token(config: &Config) -> Result<Option<Token>, Wrong> {
    let (text, path) = match (&config.token, &config.token_file) {
        (Some(token), _) => (token.reveal().to_owned(), PathBuf::from("token")),
        (None, Some(path)) => {
            let read = fs::read_to_string(path);
            let text = read.map_err(|source| Wrong::TokenFile { path: path.clone(), source })?;
            (text, path.clone())
        }
        (None, None) => return Ok(None),
    };
    Token::new(&text).map(Some).map_err(|error| Wrong::Token { path, error })
}
