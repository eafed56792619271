//! One connection asks for broadcasts, a burst at a time; every connection must get each.

use std::time::Instant;

use super::{Fleet, LoadError, PATIENCE, Tally};
use crate::numbered::Numbered;
use crate::order::Order;

#[derive(Debug)]
pub(crate) struct BroadcastLoad {
    event: Numbered,
    burst: u64,
    sent: u64,
    receivers: Vec<Order>,
}

/// The connection that asks.
const SENDER: usize = 0;

impl BroadcastLoad {
    /// For the connections of `fleet`, with arguments of `bytes` bytes, `burst` events at once.
    pub(crate) fn new(fleet: &Fleet, bytes: usize, burst: u64) -> Self {
        Self {
            event: Numbered::broadcast(bytes),
            burst,
            sent: 0,
            receivers: vec![Order::default(); fleet.len()],
        }
    }

    /// Sends `bursts` bursts, each when every connection got the one before.
    ///
    /// The events of a burst leave in one write. Ends early when deliveries are lost.
    pub(crate) fn run(&mut self, fleet: &mut Fleet, bursts: u64) -> Result<Tally, LoadError> {
        let Self { event, burst, sent, receivers } = self;
        let mut tally = Tally::default();
        let mut frames = Vec::new();
        for _ in 0..bursts {
            frames.clear();
            for _ in 0..*burst {
                event.push_frame(*sent, &mut frames);
                *sent += 1;
            }
            fleet.send(SENDER, &frames)?;

            let mut missing = receivers.len();
            let mut last_arrival = Instant::now();
            while missing > 0 && last_arrival.elapsed() < PATIENCE {
                let mut came = false;
                fleet.poll(PATIENCE, |index, text, _| {
                    let Some(number) = event.number_of(text) else {
                        tally.faults.strange += 1;
                        return;
                    };
                    came = true;
                    let order = &mut receivers[index];
                    let before = order.count();
                    order.arrived(number, *sent, &mut tally.faults);
                    let count = order.count();
                    tally.arrived += count - before;
                    if count == *sent && before < count {
                        missing -= 1;
                    }
                })?;
                if came {
                    last_arrival = Instant::now();
                }
            }
            if missing > 0 {
                tally.faults.lost +=
                    receivers.iter().map(|order| *sent - order.count()).sum::<u64>();
                break;
            }
        }
        Ok(tally)
    }
}
