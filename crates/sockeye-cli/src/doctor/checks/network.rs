//! The way to the server's port: its name, and each of its addresses.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{
    net::{TcpStream, lookup_host},
    time,
};

use crate::{
    doctor::{
        found::{Refused, RefusedBy, Tried},
        report::Check,
        target::Target,
    },
    output::milliseconds,
};

/// The addresses of the server's name, the best first.
pub(crate) async fn dns(target: &Target) -> (Check, Result<Vec<SocketAddr>, String>) {
    let began = Instant::now();
    let looked_up = time::timeout(target.timeout, lookup_host((&*target.host, target.port))).await;
    let found = match looked_up {
        Err(_) => Err(format!("no answer within {:?}", target.timeout)),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(addresses)) => {
            let mut found: Vec<SocketAddr> = Vec::new();
            for address in addresses {
                if !found.contains(&address) {
                    found.push(address);
                }
            }
            if found.is_empty() { Err("it has no address".to_owned()) } else { Ok(found) }
        }
    };
    let check = Check::since("dns", began, found.is_ok()).with("host", &*target.host);
    let check = match &found {
        Ok(addresses) => {
            let addresses: Vec<_> =
                addresses.iter().map(|address| address.ip().to_string()).collect();
            check.note(addresses.join(", ")).with("addresses", addresses)
        }
        Err(error) => check.note(error.clone()).with("error", error.clone()),
    };
    (check, found)
}

/// All addresses at once: a client takes the first that answers, but each of them should.
pub(crate) async fn tcp(addresses: &[SocketAddr], timeout: Duration) -> (Check, Vec<Tried>) {
    let began = Instant::now();
    let tried = join_all(addresses.iter().map(|address| connect(*address, timeout))).await;
    let reached: Vec<_> = tried.iter().filter(|tried| tried.outcome.is_ok()).collect();
    let note = tried.iter().map(|Tried { address, outcome }| match outcome {
        Ok(_) => address.to_string(),
        Err(refused) => format!("{address}: {}", refused.text),
    });
    let check = Check::since("tcp", began, !reached.is_empty())
        .note(note.collect::<Vec<_>>().join(", "))
        .with("addresses", tried.iter().map(evidence).collect::<Vec<_>>());
    (check, tried)
}

async fn connect(address: SocketAddr, timeout: Duration) -> Tried {
    let began = Instant::now();
    let outcome = match time::timeout(timeout, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(began.elapsed()),
        Ok(Err(error)) => Err(Refused::of(&error)),
        Err(_) => {
            Err(Refused { kind: RefusedBy::Nobody, text: format!("no answer within {timeout:?}") })
        }
    };
    Tried { address, outcome }
}

fn evidence(tried: &Tried) -> Value {
    let Tried { address, outcome } = tried;
    match outcome {
        Ok(took) => {
            json!({ "address": address.to_string(), "ok": true, "ms": milliseconds(*took) })
        }
        Err(refused) => {
            json!({ "address": address.to_string(), "ok": false, "error": refused.text })
        }
    }
}
