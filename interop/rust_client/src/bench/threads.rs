//! The blocking client: a thread for each, callbacks run there.

use std::io::{self, BufRead, Write};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rust_socketio::client::Client;
use rust_socketio::{ClientBuilder, Event, Payload, TransportType};
use serde_json::json;

use crate::counter::Counter;
use crate::{Order, Outcome, answer, cpu};

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn run(url: &str) -> Outcome {
    let mut fleet = Fleet {
        url: url.to_owned(),
        clients: Vec::new(),
        joined: Arc::default(),
        events: Arc::default(),
    };
    for line in io::stdin().lock().lines() {
        let outcome = Order::read(&line?).and_then(|order| fleet.follow(order));
        writeln!(io::stdout(), "{}", answer(outcome))?;
    }
    Ok(())
}

struct Fleet {
    url: String,
    clients: Vec<Client>,
    joined: Arc<Counter>,
    events: Arc<Counter>,
}

impl Fleet {
    fn follow(&mut self, order: Order) -> Outcome<String> {
        match order {
            Order::Connect { count } => self.connect(count)?,
            Order::Ack { bytes, in_flight, count } => self.ack(bytes, in_flight, count)?,
            Order::Receive { bytes, count } => {
                self.events.reset();
                self.first()?.emit("burst", vec![json!(bytes), json!(count)])?;
                self.events.reach(count)?;
            }
            Order::Idle => {}
            Order::Cpu => return Ok(cpu()),
            Order::Lose => self.joined.reset(),
            Order::Rejoined => self.joined.reach(self.clients.len() as u64)?,
        }
        Ok("ok".to_owned())
    }

    fn connect(&mut self, count: usize) -> Outcome {
        for _ in 0..count {
            let (joined, events) = (Arc::clone(&self.joined), Arc::clone(&self.events));
            let builder = ClientBuilder::new(&self.url)
                .transport_type(TransportType::Websocket)
                .on(Event::Connect, move |_, _| joined.add())
                .on("event", move |_, _| events.add());
            self.clients.push(builder.connect()?);
        }
        Ok(self.joined.reach(self.clients.len() as u64)?)
    }

    fn first(&self) -> Outcome<&Client> {
        self.clients.first().ok_or_else(|| "not connected".into())
    }

    fn ack(&self, bytes: usize, in_flight: u64, count: u64) -> Outcome {
        let client = self.first()?;
        let text = "x".repeat(bytes);
        let (sender, acks) = mpsc::channel();
        let emit = || {
            let sender = sender.clone();
            let back = move |payload: Payload, _| {
                drop(payload);
                let _ = sender.send(()); // nobody counts any more
            };
            client.emit_with_ack("echo", json!(text), PATIENCE, back).map_err(Box::new)
        };
        for _ in 0..in_flight.min(count) {
            emit()?;
        }
        for number in 0..count {
            acks.recv_timeout(PATIENCE).map_err(|_| format!("{number} of {count} acks came"))?;
            if number + in_flight < count {
                emit()?;
            }
        }
        Ok(())
    }
}
