//! Runs rust_socketio through scenarios against a Socket.IO server and prints `ok NAME` or `FAIL NAME reason` for each.
//!
//! Usage: interop-rust-client --list
//!        interop-rust-client [--transport websocket|polling|upgrade|stuck] URL [NAME…]
//!
//! Without names, all but the one driven from outside; `all` is that too, at the end. Each scenario has a process of
//! its own: a thread of this client never ends once its connection has, and takes all the processor it can get.

mod connection;
mod scenarios;

use std::env;
use std::error::Error;
use std::io::{self, Read as _};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Instant;

use rust_socketio::TransportType;

use crate::connection::Site;
use crate::scenarios::{ALL, DRIVEN};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this program's output")]
fn main() -> Result<ExitCode, Box<dyn Error>> {
    let (mut transport, mut rest) = ("websocket".to_owned(), Vec::new());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => {
                ALL.iter().for_each(|(name, _)| println!("{name}"));
                return Ok(ExitCode::SUCCESS);
            }
            "--transport" => transport = arguments.next().ok_or("--transport needs a name")?,
            _ => rest.push(argument),
        }
    }
    let [url, names @ ..] = rest.as_slice() else { return Err("no URL given".into()) };
    end_with_our_launcher();
    if let [name] = names
        && let Some((_, scenario)) = ALL.iter().find(|(known, _)| known == name)
    {
        let site = Site { url: url.clone(), transport: transport_type(&transport)? };
        return Ok(match scenario(&site) {
            Ok(()) => {
                println!("ok {name}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                println!("FAIL {name} {}", with_causes(&*error).replace('\n', " "));
                ExitCode::FAILURE
            }
        });
    }
    let undriven = ALL.iter().map(|&(name, _)| name).filter(|name| *name != DRIVEN);
    let wanted: Vec<&str> = match names {
        [] => undriven.collect(),
        [all] if all == "all" => undriven.chain([DRIVEN]).collect(),
        names => names.iter().map(String::as_str).collect(),
    };
    let mut failures = 0;
    for name in wanted {
        // Its standard input is ours, so it ends when our launcher does.
        let start = Instant::now();
        let mut scenario = Command::new(env::current_exe()?);
        let status = scenario.args(["--transport", &transport, url, name]).status()?;
        eprintln!("{name} took {} ms", start.elapsed().as_millis());
        if !status.success() {
            failures += 1;
            eprintln!("{name} ended with {status}");
        }
    }
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn transport_type(name: &str) -> Result<TransportType, String> {
    match name {
        "websocket" => Ok(TransportType::Websocket),
        "polling" => Ok(TransportType::Polling),
        "upgrade" => Ok(TransportType::WebsocketUpgrade),
        // It falls back to polling where no WebSocket gets through.
        "stuck" => Ok(TransportType::Any),
        _ => Err(format!("no such transport: {name}")),
    }
}

/// Whoever launched us holds our standard input open; when it closes, nobody needs us.
fn end_with_our_launcher() {
    thread::spawn(|| {
        let mut buffer = [0; 512];
        while io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
        std::process::exit(1);
    });
}
