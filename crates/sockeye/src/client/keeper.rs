//! The one task of a client: opens a session, drives it, waits, and opens the next.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use sockeye_proto::{
    session::{Backoff, Delays, Pace},
    wire::engine::Version,
};
use tokio::time::{self, Sleep};

use super::{
    CloseReason, ConnectionState, Disconnect, OpenError,
    opener::{Opened, Opener},
    receiver::{Ended, Receiver},
};
use crate::{dispatch::guard, net::Driver};

/// Keeps a client connected until it is closed, or nothing is left to connect for.
// No async fn: that holds its arguments twice, a kilobyte for each client.
pub(super) fn keep(
    receiver: Receiver,
    mut opener: Opener,
    delays: Delays,
    is_patient: bool,
) -> impl Future<Output = ()> + Send {
    // Before the first poll: a runtime that ends may drop the task unpolled.
    let mut ending = Ending(receiver);
    async move {
        let reason = {
            let receiver = &mut ending.0;
            let mut kept = pin!(stay_connected(receiver, &mut opener, delays, is_patient));
            poll_fn(|cx| guard::poll(kept.as_mut(), cx)).await
        };
        ending.end(reason.unwrap_or_else(|panicked| {
            tracing::error!(panic = panicked.text(), "the client is closed by a panic");
            CloseReason::Panicked(panicked.text().to_owned())
        }));
    }
}

/// Tells all who wait that the client is closed, however it comes to its end: by itself, by a panic, or with its runtime.
struct Ending(Receiver);

impl Ending {
    fn end(&mut self, reason: CloseReason) {
        let Self(receiver) = self;
        tracing::debug!(target: "sockeye::engine", %reason, "client closed");
        // What is dropped here is the application's, too, and a second panic would end the process.
        if let Err(panicked) = guard::call(|| receiver.finish()) {
            tracing::error!(panic = panicked.text(), "a handler panicked when it was dropped");
        }
        receiver.shared.state.send_replace(ConnectionState::Closed { reason });
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if self.0.shared.is_closed().is_none() {
            self.end(CloseReason::Closed);
        }
    }
}

async fn stay_connected(
    receiver: &mut Receiver,
    opener: &mut Opener,
    delays: Delays,
    is_patient: bool,
) -> CloseReason {
    let shared = Arc::clone(&receiver.shared);
    let mut backoff = Backoff::new(delays);
    let mut because: Option<Arc<Disconnect>> = None;
    let mut last_error = None;
    let mut was_joined = false;
    loop {
        let attempt = backoff.attempts() + 1;
        shared.state.send_replace(trying(&because, attempt, None, &last_error));
        // Boxed: what it takes to open a connection is gone while there is one.
        let opened = beside(receiver, Box::pin(opener.open(attempt))).await;
        match opened {
            None => return reason(receiver),
            Some(Ok(opened)) => {
                let transport = opened.transport;
                let ended = drive(receiver, opener, opened).await;
                if receiver.is_done() {
                    return reason(receiver);
                }
                match ended {
                    None => {}
                    Some(ended) if ended.is_of_wrong_version => {
                        if opener.speak_v3() {
                            continue;
                        }
                        let error = Arc::new(OpenError::other_version(transport, Version::V3));
                        if because.is_none() && !is_patient {
                            return CloseReason::GaveUp(error);
                        }
                        last_error = Some(error);
                    }
                    Some(ended) => {
                        if ended.was_joined {
                            was_joined = true;
                            backoff.reset();
                            last_error = None;
                        } else if !was_joined && !is_patient {
                            return CloseReason::Lost(ended.disconnect);
                        }
                        tracing::info!(
                            target: "sockeye::engine", "disconnected: {}; connecting again", ended.disconnect
                        );
                        because = Some(ended.disconnect);
                        if ended.reconnects {
                            continue;
                        }
                    }
                }
            }
            Some(Err(error)) => {
                let error = Arc::new(error);
                if because.is_none() && !is_patient {
                    return CloseReason::GaveUp(error);
                }
                if attempt == 1 {
                    tracing::warn!(target: "sockeye::engine", "not connected, trying again: {error}");
                } else {
                    tracing::debug!(target: "sockeye::engine", %error, attempt, "not connected");
                }
                last_error = Some(error);
            }
        }
        let attempt = backoff.attempts() + 1;
        let Some(delay) = backoff.next(rand::random()) else {
            return match (last_error, because) {
                (Some(error), _) => CloseReason::GaveUp(error),
                (None, Some(because)) => CloseReason::Lost(because),
                (None, None) => CloseReason::Closed, // never: one of them is why there is a delay
            };
        };
        shared.state.send_replace(trying(&because, attempt, Some(delay), &last_error));
        if !wait(receiver, delay).await {
            return reason(receiver);
        }
    }
}

/// An attempt under way, or that begins after the delay.
fn trying(
    because: &Option<Arc<Disconnect>>,
    attempt: u32,
    next_delay: Option<Duration>,
    last_error: &Option<Arc<OpenError>>,
) -> ConnectionState {
    let last_error = last_error.clone();
    match because.clone() {
        None => ConnectionState::Connecting { attempt, next_delay, last_error },
        Some(because) => ConnectionState::Reconnecting { because, attempt, next_delay, last_error },
    }
}

/// Why there is nothing left to connect for.
fn reason(receiver: &Receiver) -> CloseReason {
    if receiver.is_closing() {
        CloseReason::Closed
    } else {
        CloseReason::NothingJoined(receiver.last_left())
    }
}

/// Waits for something, while the handlers go on; `None` if there is nothing left to connect for.
async fn beside<F: Future>(receiver: &mut Receiver, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut alarm = Alarm::default();
    poll_fn(|cx| {
        receiver.shared.keeper.register(cx.waker());
        receiver.idle(cx);
        if receiver.is_done() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        while alarm.is_due(receiver.deadline(now()), cx) {
            receiver.idle(cx);
        }
        Poll::Pending
    })
    .await
}

/// Waits before the next attempt, unless the application does not want to; `false` if there is nothing left to connect for.
async fn wait(receiver: &mut Receiver, delay: Duration) -> bool {
    let mut alarm = Alarm::default();
    let end = now() + delay;
    poll_fn(|cx| {
        receiver.shared.keeper.register(cx.waker());
        loop {
            receiver.idle(cx);
            if receiver.is_done() {
                return Poll::Ready(false);
            }
            if receiver.reconnects() || now() >= end {
                return Poll::Ready(true);
            }
            let deadline = receiver.deadline(now()).map_or(end, |deadline| deadline.min(end));
            if !alarm.is_due(Some(deadline), cx) {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// Runs a session to its end.
async fn drive(receiver: &mut Receiver, opener: &Opener, opened: Opened) -> Option<Ended> {
    let shared = Arc::clone(&receiver.shared);
    let Opened { conn, start, transport } = opened;
    receiver.begin(&conn, transport);
    {
        let pace = Pace::default().with_patience(opener.write_timeout());
        let config = opener.websocket();
        let mut driver = pin!(Driver::client(conn, start, config, pace, &mut *receiver));
        let mut alarm = Alarm::default();
        poll_fn(|cx| {
            shared.keeper.register(cx.waker());
            loop {
                if driver.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                let upper = driver.upper_mut();
                upper.pump();
                let deadline = upper.deadline(now());
                let deadline = [driver.deadline(), deadline].into_iter().flatten().min();
                if !alarm.is_due(deadline, cx) {
                    return Poll::Pending;
                }
            }
        })
        .await;
    }
    receiver.end()
}

/// A timer that is moved only if it has to go off earlier: a deadline that moves later, as with each ping, costs nothing.
#[derive(Default)]
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: Option<Instant>,
}

impl Alarm {
    /// Whether the deadline is past; if not, `cx` is woken then.
    fn is_due(&mut self, deadline: Option<Instant>, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = deadline else { return false };
        loop {
            if self.armed.is_none_or(|armed| deadline < armed) {
                self.armed = Some(deadline);
                match &mut self.sleep {
                    Some(sleep) => sleep.as_mut().reset(deadline.into()),
                    None => self.sleep = Some(Box::pin(time::sleep_until(deadline.into()))),
                }
            }
            let Some(sleep) = &mut self.sleep else { return false };
            if sleep.as_mut().poll(cx).is_pending() {
                return false;
            }
            self.armed = None;
            if now() >= deadline {
                return true;
            }
        }
    }
}

fn now() -> Instant {
    time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output_bytes<A, B, C, D, F>(_: impl Fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_client_is_small() {
        // What thousands of idle clients cost in one process; more needs a reason.
        assert!(output_bytes(keep) <= 1_696, "{}", output_bytes(keep));
    }
}
