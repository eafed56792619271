//! `sockeye emit --as LANGUAGE`: a program that does the same, for whoever goes on from there.
//!
//! Secrets are not in it: it takes them from the environment, or from the file that they came from.

mod javascript;
mod literal;
mod python;
mod rust;

use std::time::Duration;

use http::{HeaderValue, header};
use sockeye::{client::Query, event::Value};

use super::Options;
use crate::{
    config::words,
    failure::Failure,
    reach::{Connection, Eio, Encoding, Header, Road, Transports, Trouble, to_send},
    secrets::Secrets,
    values::{Arg, Unreadable, event_arg, json_of, printable},
};

words! {
    /// What the program is written in.
    pub(crate) enum Language {
        Python = "python",
        JavaScript = "js",
        Rust = "rust",
    }
}

impl Language {
    /// Whether its client speaks one version alone.
    pub(super) const fn has_a_client_for_each_version(self) -> bool {
        matches!(self, Self::Python | Self::JavaScript)
    }
}

/// What the program has to do.
struct Program<'p> {
    /// With the namespace as its path, and the query.
    url: String,
    namespace: String,
    path: &'p str,
    has_trailing_slash: bool,
    transport: Transports,
    eio: Eio,
    parser: Encoding,
    headers: Vec<(String, Source)>,
    auth: Option<Source>,
    /// The command that prints a token.
    bearer: Option<Source>,
    timeout: Duration,
    road: &'p Road,
    proxy: Option<Source>,
    event: &'p str,
    args: Vec<Argument>,
    wants_ack: bool,
    awaited: Option<&'p str>,
    /// What its reader has to know.
    notes: Vec<String>,
}

/// Where a text comes from.
enum Source {
    Here(String),
    /// A variable of the environment.
    Variable(String),
    File(String),
}

/// Where an argument comes from.
enum Argument {
    Here(Value),
    JsonFile(String),
    BytesFile(String),
    /// JSON in a variable of the environment.
    Variable(String),
}

/// The program.
///
/// # Errors
///
/// An argument can't be read, or there is no such program in this language.
pub(super) fn write(language: Language, options: &Options) -> Result<String, Failure> {
    let program = Program::new(language, options)?;
    match language {
        Language::Python => python::write(&program),
        Language::JavaScript => javascript::write(&program),
        Language::Rust => Ok(rust::write(&program)),
    }
}

impl<'p> Program<'p> {
    fn new(language: Language, options: &'p Options) -> Result<Self, Failure> {
        let Options { connection, event, args, wait_event, expect, .. } = options;
        let Connection { path, no_trailing_slash, road, .. } = connection;
        let (url, namespaces) = connection.place();
        let fields = connection.fields().map_err(|error| Trouble::Build(error.into()))?;
        let url = with_query(&http(url), &fields);
        if Secrets::of_process().target(&url) != url {
            return Err(Failure::usage(
                "a secret in the URL or in --query would stand in the program; leave it out, or give --show-secrets",
            ));
        }
        let mut notes = Vec::new();
        let headers: Vec<_> = once(&to_send(&connection.headers)?)
            .iter()
            // That leaves out what this library would send.
            .filter(|header| language == Language::Rust || !header.value.is_empty())
            .map(|header| header_source(header, &mut notes))
            .collect();
        let auth = match connection.auth.as_deref() {
            Some(_) if connection.eio == Eio::V3 => {
                notes.push(
                    "Clients of Socket.IO 2 have no auth payload: it is left out.".to_owned(),
                );
                None
            }
            Some(auth) => Some(match auth.strip_prefix('@') {
                Some(file) => Source::File(path_of(file)),
                None => variable("SOCKEYE_AUTH", "the auth payload, a JSON object", &mut notes),
            }),
            None => None,
        };
        let proxy = road.proxy.as_deref().map(|proxy| match proxy.contains('@') {
            true => variable("SOCKEYE_PROXY", "the URL of the proxy", &mut notes),
            false => Source::Here(proxy.to_owned()),
        });
        // Often enough it is `echo` and the token itself.
        let bearer = connection
            .bearer_cmd
            .as_deref()
            .map(|_| variable("BEARER_CMD", "the shell command that prints a token", &mut notes));
        let args =
            args.iter().zip(1..).map(|(arg, number)| Argument::read(arg, number, &mut notes));
        let args = args.collect::<Result<_, _>>()?;
        if connection.eio == Eio::Auto && language.has_a_client_for_each_version() {
            notes.push(
                "It speaks Engine.IO 4, as the server could not be asked. For one of Socket.IO 2, print it with --eio 3."
                    .to_owned(),
            );
        }
        if expect.is_some() {
            notes.push("What --expect wants is not checked.".to_owned());
        }
        Ok(Self {
            url,
            namespace: namespaces.into_iter().next().unwrap_or_else(|| "/".to_owned()),
            path,
            has_trailing_slash: !no_trailing_slash,
            transport: connection.transport,
            eio: connection.eio,
            parser: connection.parser,
            headers,
            auth,
            bearer,
            timeout: connection.timeout.get(),
            road,
            proxy,
            event,
            args,
            wants_ack: options.wants_ack(),
            awaited: wait_event.as_deref(),
            notes,
        })
    }

    const fn is_v3(&self) -> bool {
        matches!(self.eio, Eio::V3)
    }

    /// The notes as comments.
    fn comments(&self, begin: &str) -> String {
        self.notes.iter().map(|note| format!("{begin} {}\n", printable(note))).collect()
    }
}

impl Argument {
    fn read(text: &str, number: usize, notes: &mut Vec<String>) -> Result<Self, Failure> {
        if let Some(name) = text.strip_prefix("@bin:") {
            return Ok(Self::BytesFile(path_of(name)));
        }
        let mut written = text.to_owned();
        let arg = match text.strip_prefix('@') {
            None => event_arg(text)?,
            Some(name) => {
                written = json_of(name)?;
                let reason = |reason| Unreadable::Json { name: name.to_owned(), reason };
                let arg = Arg::from_json(&written).map_err(reason)?;
                // A file with attachments in it is no plain JSON; what stands on standard input is not there again.
                if name != "-" && !arg.has_attachments() {
                    return Ok(Self::JsonFile(name.to_owned()));
                }
                arg
            }
        };
        if Secrets::of_process().redact(&written) != written {
            if arg.has_attachments() {
                return Err(Failure::usage(
                    "a secret beside an attachment would stand in the program; leave it out, or give --show-secrets",
                ));
            }
            let what = format!("argument {number}, as JSON");
            return Ok(Self::Variable(left_to(format!("ARG_{number}"), &what, notes)));
        }
        let value = arg.value().map_err(|reason| Unreadable::Argument { text: written, reason })?;
        Ok(Self::Here(value))
    }
}

/// Each name once, as objects have it: with all its values, as HTTP reads them in one line (RFC 9110 §5.3).
fn once(headers: &[Header]) -> Vec<Header> {
    let mut all: Vec<Header> = Vec::new();
    for header in headers {
        let Some(known) = all.iter_mut().find(|known| known.name == header.name) else {
            all.push(header.clone());
            continue;
        };
        let values = [known.value.as_bytes(), header.value.as_bytes()];
        let together = match header.name {
            header::COOKIE => values.join(&b"; "[..]),
            _ => values.join(&b", "[..]),
        };
        // Each was a value, so together they are one.
        if let Ok(value) = HeaderValue::from_bytes(&together) {
            known.value = value;
        }
    }
    all
}

/// Headers that may hold secrets are left to the environment.
fn header_source(header: &Header, notes: &mut Vec<String>) -> (String, Source) {
    let name = header.name.as_str();
    if Secrets::of_process().header(&header.name, &header.value).as_bytes()
        != header.value.as_bytes()
    {
        let var = name.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        return (name.to_owned(), variable(&var, &format!("the header {name}"), notes));
    }
    let value = String::from_utf8_lossy(header.value.as_bytes()).into_owned();
    (name.to_owned(), Source::Here(value))
}

fn variable(name: &str, what: &str, notes: &mut Vec<String>) -> Source {
    Source::Variable(left_to(name.to_owned(), what, notes))
}

/// The variable of the environment that is to be set.
fn left_to(name: String, what: &str, notes: &mut Vec<String>) -> String {
    notes.push(format!("Set {name} in the environment: {what}."));
    name
}

/// Standard input has a name, too.
fn path_of(name: &str) -> String {
    if name == "-" { "/dev/stdin".to_owned() } else { name.to_owned() }
}

/// Clients of others know no `ws://`.
fn http(url: String) -> String {
    match url.strip_prefix("ws") {
        Some(rest) if rest.starts_with("://") || rest.starts_with("s://") => format!("http{rest}"),
        _ => url,
    }
}

fn with_query(url: &str, fields: &Query) -> String {
    let base = url.split(['?', '#']).next().unwrap_or_default();
    let question = if fields.as_str().is_empty() { "" } else { "?" };
    format!("{base}{question}{}", fields.as_str())
}
