//! socketioxide for the tests of our client: the contract at the top of `interop/js/host.mjs`, as far as it goes.
//!
//! It can't close one session, so there is no `close-me`; its refusals have a message alone.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, Event, SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;

use crate::args::{Any, Args};

/// Serves the namespaces of the contract.
pub(crate) fn serve(io: &SocketIo, record: Option<&Path>) -> io::Result<()> {
    let record = Arc::new(Record::open(record)?);
    for name in ["/", "/imchat", "/other", "/guarded"] {
        let record = Arc::clone(&record);
        let admit = move |socket: SocketRef, TryData(auth): TryData<Value>| async move {
            let auth = auth.unwrap_or_else(|_| json!({}));
            if name == "/guarded" && auth["token"] != "secret" {
                return Err("unauthorized");
            }
            // Here and not in the connect handler: what comes before that has run would be dropped.
            listen(&socket, record, auth);
            Ok(())
        };
        io.ns(name, welcome.with(admit));
    }
    Ok(())
}

async fn welcome(socket: SocketRef, TryData(auth): TryData<Value>) {
    // A client that has gone needs no answer, here and below.
    let _ = socket.emit("welcome", &auth.unwrap_or_else(|_| json!({})));
}

fn listen(socket: &SocketRef, record: Arc<Record>, auth: Value) {
    socket.on_fallback(
        move |socket: SocketRef, event: Event, Data(args): Data<Args>, ack: AckSender| {
            let (record, auth) = (Arc::clone(&record), auth.clone());
            async move {
                if let Err(error) = handle(socket, &event, args, ack, &record, &auth).await {
                    let _ = writeln!(io::stderr(), "{}: {error}", event.0);
                }
            }
        },
    );
}

async fn handle(
    socket: SocketRef,
    event: &str,
    args: Args,
    ack: AckSender,
    record: &Record,
    auth: &Value,
) -> Result<(), Box<dyn Error>> {
    match (event, &*args.0) {
        ("echo", _) => ack.send(&args)?,
        ("say", _) => socket.emit("said", &args)?,
        ("burst", [count]) => {
            for i in 0..count.as_usize().unwrap_or_default() {
                socket.emit("tick", &i)?;
            }
            ack.send(&())?;
        }
        ("ask", _) => {
            let answer: Args = socket.emit_with_ack("question", &args)?.await?;
            socket.emit("answered", &answer)?;
        }
        ("big", [bytes]) => {
            socket.emit("big", &"x".repeat(bytes.as_usize().unwrap_or_default()))?;
            ack.send(&())?;
        }
        ("message" | "action" | "chat", [id, ..]) => {
            record.add(event, &args)?;
            ack.send(&json!({ "ok": true, "id": id.plain() }))?;
        }
        ("received", _) => ack.send(&record.inner().count)?,
        ("once", [id]) => {
            let times = record.times(id);
            if times > 1 {
                ack.send(&json!({ "times": times }))?;
            }
        }
        ("disconnect-me", _) => socket.disconnect()?,
        ("headers", _) => {
            let headers = socket.req_parts().headers.iter();
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            let headers = headers.map(|(name, value)| (name.to_string(), text(value.as_bytes())));
            ack.send(&headers.collect::<BTreeMap<_, _>>())?;
        }
        ("query", _) => {
            let query = socket.req_parts().uri.query().unwrap_or_default();
            let query = form_urlencoded::parse(query.as_bytes()).into_owned();
            ack.send(&query.collect::<BTreeMap<_, _>>())?;
        }
        ("auth", _) => ack.send(auth)?,
        ("transport", _) => ack.send(<&str>::from(socket.transport_type()))?,
        _ => {} // `ignore`, and what the contract does not have
    }
    Ok(())
}

/// The events of one run; each is also a line of JSON, `{"event":…,"args":[…]}`, of the file, if there is one.
struct Record(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    file: Option<File>,
    count: usize,
    times: HashMap<String, usize>,
}

impl Record {
    fn open(file: Option<&Path>) -> io::Result<Self> {
        let file = file.map(|file| OpenOptions::new().create(true).append(true).open(file));
        let file = file.transpose()?;
        Ok(Self(Mutex::new(Inner { file, ..Inner::default() })))
    }

    /// Once this returns the line is with the system, which a SIGKILL does not touch.
    fn add(&self, event: &str, args: &Args) -> io::Result<()> {
        let args: Vec<_> = args.0.iter().map(Any::plain).collect();
        let line = format!("{}\n", json!({ "event": event, "args": args }));
        let mut inner = self.inner();
        inner.count += 1;
        inner.file.as_mut().map_or(Ok(()), |file| file.write_all(line.as_bytes()))
    }

    /// How often `id` was seen, this time included.
    fn times(&self, id: &Any) -> usize {
        let mut inner = self.inner();
        let times = inner.times.entry(id.plain().to_string()).or_default();
        *times += 1;
        *times
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
