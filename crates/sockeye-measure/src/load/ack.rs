//! Every connection keeps some events in flight, each answered by an ack with its argument.

use std::time::Instant;

use super::{Fleet, LoadError, PATIENCE, Tally};
use crate::numbered::Numbered;
use crate::order::Order;

#[derive(Debug)]
pub(crate) struct AckLoad {
    event: Numbered,
    ack: Numbered,
    in_flight: u64,
    seats: Vec<Seat>,
    tally: Tally,
}

/// One connection's part.
#[derive(Clone, Debug, Default)]
struct Seat {
    sent: u64,
    order: Order,
}

impl AckLoad {
    /// For the connections of `fleet`, with arguments of `bytes` bytes.
    pub(crate) fn new(fleet: &Fleet, bytes: usize, in_flight: u64) -> Self {
        Self {
            event: Numbered::echo_event(bytes),
            ack: Numbered::echo_ack(bytes),
            in_flight,
            seats: vec![Seat::default(); fleet.len()],
            tally: Tally::default(),
        }
    }

    /// Sends `each` more events on every connection and waits for their acks.
    ///
    /// An ack that came makes room for the next event; the events that one read makes room for
    /// leave in one write. Returns what this call saw; acks missing at its end are lost.
    pub(crate) fn run(&mut self, fleet: &mut Fleet, each: u64) -> Result<Tally, LoadError> {
        let Self { event, ack, in_flight, seats, tally } = self;
        *tally = Tally::default();
        let goals: Vec<u64> = seats.iter().map(|seat| seat.sent + each).collect();
        let total = each * seats.len() as u64;
        let before: u64 = seats.iter().map(|seat| seat.order.count()).sum();

        let mut frames = Vec::new();
        for (index, seat) in seats.iter_mut().enumerate() {
            frames.clear();
            for _ in 0..each.min(*in_flight) {
                event.push_frame(seat.sent, &mut frames);
                seat.sent += 1;
            }
            fleet.send(index, &frames)?;
        }
        let mut arrived = 0;
        let mut last_arrival = Instant::now();
        while arrived < total && last_arrival.elapsed() < PATIENCE {
            let arrived_before = arrived;
            fleet.poll(PATIENCE, |index, text, out| {
                let Some(number) = ack.number_of(text) else {
                    tally.faults.strange += 1;
                    return;
                };
                arrived += 1;
                let seat = &mut seats[index];
                seat.order.arrived(number, seat.sent, &mut tally.faults);
                if seat.sent < goals[index] {
                    event.push_frame(seat.sent, out);
                    seat.sent += 1;
                }
            })?;
            if arrived > arrived_before {
                last_arrival = Instant::now();
            }
        }
        // Doubled acks were counted as arrivals above; here each counts once.
        let count: u64 = seats.iter().map(|seat| seat.order.count()).sum();
        tally.arrived = count - before;
        tally.faults.lost = total.saturating_sub(tally.arrived);
        Ok(*tally)
    }
}
