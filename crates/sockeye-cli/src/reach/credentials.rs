//! What a server gets to decide by whether we may come in: the auth payload, and a token that a command prints.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderValue, header};
use serde_json::{Map, Value};
use sockeye::client::{Attempt, Builder};
use sockeye_relay::shell::{self, ShellError};
use thiserror::Error;

use crate::{
    exit::Exit,
    failure::Ends,
    secrets::Secrets,
    units::Time,
    values::{Unreadable, json_of, unmarked},
};

/// Reads an auth payload: JSON, or the file after an `@`. Errors do not show it: it is a secret.
///
/// # Errors
///
/// [`Unreadable`]: there is no such file, or no JSON object.
pub(super) fn auth_payload(given: &str) -> Result<Map<String, Value>, Unreadable> {
    let given = unmarked(given);
    let text = match given.strip_prefix('@') {
        Some(name) => json_of(name)?,
        None => given.to_owned(),
    };
    let place = |error: serde_json::Error| Unreadable::Auth {
        // Its own text may quote what it read.
        reason: format!("line {}, column {}", error.line(), error.column()),
    };
    serde_json::from_str(&text).map_err(place)
}

/// The auth payload, shared by all clones; each attempt to join takes what it is then. An empty one is not sent.
#[derive(Clone, Default)]
pub(crate) struct Auth(Arc<Mutex<Map<String, Value>>>);

impl Auth {
    pub(super) fn new(payload: Map<String, Value>) -> Self {
        let auth = Self::default();
        auth.put(payload);
        auth
    }

    /// Takes this one from now on.
    ///
    /// # Errors
    ///
    /// As [`auth_payload`].
    pub(crate) fn set(&self, given: &str) -> Result<(), Unreadable> {
        self.put(auth_payload(given)?);
        Ok(())
    }

    fn put(&self, payload: Map<String, Value>) {
        // Servers may repeat it in what they say.
        Secrets::of_process().add_payload(&payload);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = payload;
    }

    /// What gives the payload to an attempt to join.
    pub(crate) fn ask(
        &self,
    ) -> impl Fn() -> Ready<Result<Map<String, Value>, Infallible>> + Send + Sync + 'static {
        let auth = self.clone();
        move || ready(Ok(auth.0.lock().unwrap_or_else(PoisonError::into_inner).clone()))
    }
}

/// A command that prints a token.
#[derive(Clone, Debug)]
pub(super) struct Bearer {
    command: String,
    timeout: Time,
}

impl Bearer {
    pub(super) const fn new(command: String, timeout: Time) -> Self {
        Self { command, timeout }
    }

    /// Asks the command before each attempt.
    pub(super) fn attach(self, builder: Builder) -> Builder {
        builder.before_attempt(move |attempt| {
            let bearer = self.clone();
            async move { bearer.sign(attempt).await }
        })
    }

    async fn sign(&self, attempt: Attempt) -> Result<Attempt, BearerError> {
        Ok(attempt.header(header::AUTHORIZATION, self.header().await?))
    }

    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`BearerError`].
    pub(super) async fn header(&self) -> Result<HeaderValue, BearerError> {
        let token = shell::output(&self.command, self.timeout.get()).await?;
        let mut value = HeaderValue::from_str(&format!("Bearer {}", unmarked(&token).trim()))
            .map_err(|_| BearerError::NotAToken)?;
        value.set_sensitive(true);
        Secrets::of_process().header(&header::AUTHORIZATION, &value);
        Ok(value)
    }
}

/// Why there is no token.
#[derive(Debug, Error)]
pub(crate) enum BearerError {
    #[error("--bearer-cmd: {source}{}", advice(source))]
    Command {
        #[from]
        source: ShellError,
    },
    #[error("--bearer-cmd printed what can't stand in a header; expected a token on one line")]
    NotAToken,
}

const fn advice(error: &ShellError) -> &'static str {
    match error {
        ShellError::Slow(_) => "; give it more with --timeout",
        _ => "",
    }
}

impl Ends for BearerError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}
