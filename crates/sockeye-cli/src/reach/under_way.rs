//! Events of ours that are under way: not written yet, or waiting for their acks.

use std::{future::poll_fn, task::Poll, time::Duration};

use sockeye::{client::Socket, event::RawArgs};
use tokio::task::JoinSet;

use super::{Ack, Trouble, ask};
use crate::{failure::Failure, output::Printer};

/// So many may be under way; past that no more should be begun.
const MAX_UNDER_WAY: usize = 1_024;

/// What became of an event of ours; with its ack, if that was asked for.
pub(crate) type Outcome = Result<Option<Acked>, Trouble>;

/// An event to send.
#[derive(Debug)]
pub(crate) struct Departing {
    pub(crate) socket: Socket,
    pub(crate) event: String,
    pub(crate) args: RawArgs,
    /// How long to wait for an ack, if it asks for one.
    pub(crate) ack: Option<Duration>,
    /// What its author calls it by.
    pub(crate) ack_id: Option<u64>,
}

/// An ack that came.
#[derive(Debug)]
pub(crate) struct Acked {
    nsp: String,
    event: String,
    args: RawArgs,
    rtt: Duration,
    ack_id: Option<u64>,
}

impl Acked {
    /// Prints it.
    ///
    /// # Errors
    ///
    /// [`Failure`]: standard output or a file can't be written.
    pub(crate) fn show(&self, printer: &Printer<'_>) -> Result<(), Failure> {
        printer.ack((&self.nsp, &self.event), &self.args, self.ack_id, self.rtt).map(|_| ())
    }
}

/// Events that are under way.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(JoinSet<Outcome>);

impl UnderWay {
    pub(crate) fn has_room(&self) -> bool {
        self.0.len() < MAX_UNDER_WAY
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sends an event, after all that were sent before; the outcome, if it is there at once.
    pub(crate) async fn send(&mut self, departing: Departing) -> Option<Outcome> {
        let mut sent = Box::pin(departing.send());
        // Once at least, so that events go out in the order in which they were given.
        match poll_fn(|cx| Poll::Ready(sent.as_mut().poll(cx))).await {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => {
                self.0.spawn(sent);
                None
            }
        }
    }

    /// The next outcome; `None` if nothing is under way.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Outcome> {
        loop {
            // One that panicked has said so.
            if let Ok(outcome) = self.0.join_next().await? {
                return Some(outcome);
            }
        }
    }
}

impl Departing {
    /// Waits until it is written, or for its ack.
    async fn send(self) -> Outcome {
        let Self { socket, event, args, ack, ack_id } = self;
        let Some(timeout) = ack else {
            let sent = socket.emit(&event, args);
            let sent = sent.map_err(|error| Trouble::NotEmitted { event: event.clone(), error })?;
            let written = sent.written().await;
            return written.map(|()| None).map_err(|error| Trouble::NotSent { event, error });
        };
        match ask(&socket, &event, args, timeout).await {
            Ok(Ack { args, rtt, .. }) => {
                let nsp = socket.namespace().to_owned();
                Ok(Some(Acked { nsp, event, args, rtt, ack_id }))
            }
            Err(error) => Err(Trouble::Call(error)),
        }
    }
}
