//! `sockeye emit --as LANGUAGE`: a program that does the same, for whoever goes on from there.
//!
//! Secrets are not in it: it takes them from the environment, or from the file that they came from.

mod javascript;
mod literal;
mod number;
mod python;
mod rust;

use std::time::Duration;

use http::{HeaderValue, header};
use sockeye::{client::Query, event::NotAnArg};

use self::literal::Literal;
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

    const fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
            Self::Rust => "Rust",
        }
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
    /// As the language writes it.
    Here(String),
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
        let is_list = args.len() > MAX_TUPLE;
        let args = args.iter().zip(1..).map(|(text, number)| {
            let literal = |arg: &_| Literal::new(language, connection.parser, arg, is_list);
            let read = Argument::read(text, number, literal)?;
            Ok::<_, Failure>((number, read))
        });
        let args = args.collect::<Result<Vec<_>, _>>()?.into_iter().map(|(number, read)| {
            let Read { argument, lost } = read;
            if let Argument::Variable(name) = &argument {
                left_to(name.clone(), &format!("argument {number}, as JSON"), &mut notes);
            }
            if !lost.is_empty() {
                let language = language.name();
                notes.push(format!(
                    "In {language}, argument {number} is not sent as it was given: {lost}."
                ));
            }
            argument
        });
        let args = args.collect();
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

/// An argument, and what of it the language can't send.
struct Read {
    argument: Argument,
    lost: String,
}

impl Argument {
    fn read(text: &str, number: usize, literal: impl Fn(&Arg) -> Literal) -> Result<Read, Failure> {
        if let Some(name) = text.strip_prefix("@bin:") {
            return Ok(Read { argument: Self::BytesFile(path_of(name)), lost: String::new() });
        }
        let mut written = text.to_owned();
        let arg = match text.strip_prefix('@') {
            None => event_arg(text)?,
            Some(name) => {
                written = json_of(name)?;
                let reason = |error: NotAnArg| Unreadable::Json {
                    name: name.to_owned(),
                    reason: error.to_string(),
                };
                Arg::from_json(&written).map_err(reason)?
            }
        };
        let Literal { text: here, lost, is_rewritten } = literal(&arg);
        // What stands on standard input is not there again, and a file with attachments in it is no plain JSON.
        let file = text.strip_prefix('@').filter(|name| *name != "-");
        if let Some(name) = file.filter(|_| !arg.has_attachments() && !is_rewritten) {
            return Ok(Read { argument: Self::JsonFile(name.to_owned()), lost: some_of(&lost) });
        }
        if Secrets::of_process().redact(&written) == written {
            return Ok(Read { argument: Self::Here(here), lost: some_of(&lost) });
        }
        if arg.has_attachments() {
            return Err(Failure::usage(
                "a secret beside an attachment would stand in the program; leave it out, or give --show-secrets",
            ));
        }
        // What is lost may be the secret.
        let is_lost = is_rewritten || !lost.is_empty();
        let lost = if is_lost { "it holds what the language has no value for" } else { "" };
        Ok(Read { argument: Self::Variable(format!("ARG_{number}")), lost: lost.to_owned() })
    }
}

/// So much of what is lost as people read.
fn some_of(lost: &[String]) -> String {
    const MOST: usize = 3;

    let shown = lost.iter().take(MOST).map(String::as_str);
    let rest = (lost.len() > MOST).then_some("and so on");
    shown.chain(rest).collect::<Vec<_>>().join("; ")
}

/// So many values of different types serde takes as one; of more, the arguments are a list.
const MAX_TUPLE: usize = 16;

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
