//! The witness: a client that does all right, on one connection from start to end.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use super::Failure;
use super::ws::Ws;

/// Sends an event, waits for its ack, and again, until `stop`; says how many acks came.
pub(super) fn watch(address: SocketAddr, stop: &AtomicBool) -> Result<u64, Failure> {
    let mut ws = Ws::join(address)?;
    let mut number = 0;
    while !stop.load(Relaxed) {
        ws.send(&format!("42{number}[\"echo\",{number}]"))?;
        ws.until(&format!("43{number}[{number}]"))
            .map_err(|error| format!("the witness got no ack {number}: {error}"))?;
        number += 1;
        thread::sleep(Duration::from_millis(20));
    }
    Ok(number)
}
