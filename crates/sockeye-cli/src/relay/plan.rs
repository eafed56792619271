//! What was asked for, as the relay takes it: a connection, and how tasks are treated.

use std::{fs, path::Path, sync::Arc};

use sockeye::client::Builder;
use sockeye_relay::{
    delivery::{Limits, Policy},
    inlet::http::Token,
    relay::{Reader, Routes, Settings},
};

use super::{
    failure::Wrong,
    options::{Reach, Run},
    reading,
};
use crate::{
    failure::Failure,
    reach::{AuthCommand, Connection, Eio, Encoding, STDIN, Transports},
    units::Time,
};

/// The connection, and the server's address as people may see it.
///
/// # Errors
///
/// [`Failure`]: a file can't be read, or options don't go together.
pub(super) fn connection(to: &str, reach: Reach) -> Result<(Builder, String), Failure> {
    let timeout = reach.timeout.unwrap_or_else(|| Time::seconds(10));
    let auth_command = reach.auth_command;
    if reach.auth.as_deref() == Some(STDIN) {
        return Err(Failure::usage(
            "--auth @- is standard input, which tasks may come from; name a file: --auth @FILE",
        ));
    }
    let connection = Connection {
        url: to.to_owned(),
        namespaces: reach.nsp.into_iter().collect(),
        path: reach.path.unwrap_or_else(|| "/socket.io/".to_owned()),
        no_trailing_slash: false,
        transport: reach.transport.unwrap_or(Transports::Auto),
        eio: reach.eio.unwrap_or(Eio::Auto),
        parser: reach.parser.unwrap_or(Encoding::Json),
        headers: reach.headers,
        query: reach.query,
        auth: reach.auth,
        bearer_cmd: reach.bearer_cmd,
        timeout,
        road: reach.road,
    };
    let plan = connection.plan()?;
    let builder = match auth_command {
        Some(command) => AuthCommand::new(command, timeout).attach(plan.builder),
        None => plan.builder,
    };
    Ok((builder, plan.server))
}

/// How tasks are treated.
pub(super) fn settings(run: &Run) -> Settings {
    let usual = policy(run);
    Settings {
        limits: Limits::new(run.in_flight.get()),
        routes: Routes::single(),
        reader: Reader::new(move |body| reading::read(body, &usual)),
        dedupes: true,
        grace: run.grace.get(),
    }
}

/// What is promised for a task that says nothing else.
pub(super) fn policy(run: &Run) -> Arc<Policy> {
    Arc::new(Policy {
        confirm: run.confirm,
        confirm_timeout: run.confirm_timeout.get(),
        ..Policy::default()
    })
}

/// The token that the inlet asks for.
///
/// # Errors
///
/// [`Wrong`]: the file can't be read, or holds none.
pub(super) fn token(path: &Path) -> Result<Token, Wrong> {
    let text = fs::read_to_string(path)
        .map_err(|source| Wrong::TokenFile { path: path.to_owned(), source })?;
    Token::new(&text).map_err(|error| Wrong::Token { path: path.to_owned(), error })
}
