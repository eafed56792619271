//! `sockeye ws`: a raw WebSocket, lines in, messages out.

mod options;
mod trouble;

use std::{io::IsTerminal as _, time::Duration};

use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use sockeye::ws::{Close, CloseCode, Error, Message, WebSocket};
use tokio::time;

pub(crate) use self::{options::Options, trouble::Trouble};
use crate::{
    exit::Exit,
    failure::Failure,
    output::{Direction, Line, Output, Reader, raw},
    task,
    values::{Binary, StdinLines, printable},
};

/// Sends and shows until one of both sides closes.
///
/// # Errors
///
/// [`Failure`].
pub(crate) fn run(options: Options, output: &Output) -> Result<Exit, Failure> {
    let show = Show {
        form: Form::new(options.json),
        binary: Binary::new(options.save_bin.clone())?,
        output,
    };
    let (linger, verbose) =
        (options.linger.map_or(Duration::ZERO, |time| time.get()), options.tracing.is_verbose());
    let connect = options.connect(output)?;
    task::run(async {
        let socket = connect.connect().await.map_err(Trouble::Connect)?;
        if verbose {
            let protocol = socket
                .protocol()
                .map_or_else(String::new, |name| format!(", subprotocol {}", printable(name)));
            output.talk(&format!("connected{protocol}"));
        }
        let close = talk(socket, &show, linger).await?;
        if verbose {
            output.talk(&format!("closed by {}", printable(&close.to_string())));
        }
        close.verdict().map_or(Ok(Exit::Done), |trouble| Err(trouble.into()))
    })
}

/// Who closed, and how.
enum Closed {
    ByUs,
    ByServer(Option<Close>),
}

impl Closed {
    /// Whether that is a reason to fail.
    fn verdict(self) -> Option<Trouble> {
        match self {
            Self::ByServer(Some(close)) if !is_good(close.code) => Some(Trouble::Closed(close)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ByUs => f.write_str("us"),
            Self::ByServer(None) => f.write_str("the server, without a code"),
            Self::ByServer(Some(Close { code, reason })) => {
                write!(f, "the server, {} {reason}", code.as_u16())
            }
        }
    }
}

/// Done, or going elsewhere: nothing went wrong.
fn is_good(code: CloseCode) -> bool {
    [CloseCode::NORMAL, CloseCode::GOING_AWAY].contains(&code)
}

/// Both directions at once: a server that answers while we send must not wait for us to read.
async fn talk(socket: WebSocket, show: &Show<'_>, linger: Duration) -> Result<Closed, Failure> {
    let (sink, messages) = socket.split();
    let receiving = receive(messages, show);
    let sending = send(sink, linger);
    tokio::pin!(receiving);
    tokio::select! {
        closed = &mut receiving => closed.map(Closed::ByServer),
        sent = sending => {
            sent?;
            // What is on its way is still shown; the server has its time to answer our close.
            receiving.await.map(|_| Closed::ByUs)
        }
    }
}

/// Sends lines as texts; at their end it closes.
async fn send(
    mut sink: impl Sink<Message, Error = Error> + Unpin,
    linger: Duration,
) -> Result<(), Failure> {
    let mut lines = StdinLines::new();
    while let Some(line) = lines.next().await? {
        if sink.send(Message::Text(line)).await.is_err() {
            return over().await;
        }
    }
    time::sleep(linger).await;
    let close = Close { code: CloseCode::NORMAL, reason: String::new().into() };
    if sink.send(Message::Close(Some(close))).await.is_err() {
        return over().await;
    }
    Ok(())
}

/// Nothing can be sent any more: whoever receives knows why, and ends it.
async fn over() -> Result<(), Failure> {
    std::future::pending().await
}

/// Shows messages; how the server closed.
async fn receive(
    mut messages: impl Stream<Item = Result<Message, Error>> + Unpin,
    show: &Show<'_>,
) -> Result<Option<Close>, Failure> {
    let mut closed = None;
    while let Some(message) = messages.next().await {
        match message.map_err(Trouble::Lost)? {
            Message::Text(text) => show.text(&text)?,
            Message::Binary(bytes) => show.bytes(&bytes)?,
            Message::Close(close) => closed = close,
            Message::Ping(_) | Message::Pong(_) => {}
        }
    }
    Ok(closed)
}

/// How messages are shown.
#[derive(Clone, Copy)]
enum Form {
    /// `{"t":…,"dir":"in","data":…}`.
    Json,
    /// As they are.
    Raw,
    /// As they are, but for what could rewrite the terminal.
    Terminal,
}

impl Form {
    fn new(json: bool) -> Self {
        match json {
            true => Self::Json,
            false if std::io::stdout().is_terminal() => Self::Terminal,
            false => Self::Raw,
        }
    }
}

struct Show<'o> {
    form: Form,
    binary: Binary,
    output: &'o Output,
}

impl Show<'_> {
    fn text(&self, text: &str) -> Result<(), Failure> {
        match self.form {
            Form::Json => self.json(serde_json::Value::from(text).to_string()),
            Form::Raw => self.output.line(text),
            Form::Terminal => {
                let lines: Vec<_> = text.split('\n').map(printable).collect();
                self.output.line(&lines.join("\n"))
            }
        }
    }

    fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let shown = self.binary.attachment(bytes)?;
        match self.form {
            Form::Json => self.json(shown),
            Form::Raw | Form::Terminal => self.output.line(&shown),
        }
    }

    fn json(&self, data: String) -> Result<(), Failure> {
        let line = Line::Message { dir: Direction::In, data: &raw(data) };
        Reader::Program.print(self.output, &line)
    }
}
