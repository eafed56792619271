//! What lines and a server have to say to each other: events under way both ways, until the lines have ended and all is
//! settled.

use std::time::Duration;

use sockeye::{client::Incoming, event::RawArgs};
use tokio::time::{self, Instant};

use super::{Departing, Outcome, questions::Questions, under_way::UnderWay};
use crate::{failure::Failure, output::Printer};

/// An exchange with a server, for a command that lines tell what to do.
#[derive(Debug)]
pub(crate) struct Exchange<'p> {
    pub(crate) printer: Printer<'p>,
    questions: Questions,
    under_way: UnderWay,
    /// Whether an ack that did not come is told at once: somebody looks on.
    tells_at_once: bool,
    /// The first ack that did not come; the others were no reason to stop either, and were told.
    late: Option<Failure>,
    /// Whether an ack of ours may not be written yet; events are waited for.
    owes: bool,
    /// Once no line comes any more: until when the server may go on.
    until: Option<Instant>,
}

impl<'p> Exchange<'p> {
    /// With nothing said yet.
    pub(crate) fn new(printer: Printer<'p>, tells_at_once: bool) -> Self {
        Self {
            printer,
            questions: Questions::default(),
            under_way: UnderWay::default(),
            tells_at_once,
            late: None,
            owes: false,
            until: None,
        }
    }

    /// Whether the next line may be read.
    pub(crate) fn has_room(&self) -> bool {
        self.until.is_none() && self.under_way.has_room()
    }

    /// No line comes any more; the server may go on for so long.
    pub(crate) fn linger(&mut self, time: Duration) {
        self.until = Some(Instant::now() + time);
    }

    /// Waits until no line comes any more, all acks have come or are late, and the time to linger is over. What came
    /// before the last ack may still be on its way to whoever listens: look there once more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) fn settled(&self) -> impl Future<Output = ()> + use<> {
        let until = self.until.filter(|_| self.under_way.is_empty());
        async move {
            match until {
                Some(until) => time::sleep_until(until).await,
                None => std::future::pending().await,
            }
            tokio::task::yield_now().await;
        }
    }

    /// Waits for what becomes of an event of ours; for [`Self::settle`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Outcome> {
        self.under_way.next().await
    }

    /// Prints an event of the server's, which may want to be answered.
    ///
    /// # Errors
    ///
    /// [`Failure`]: it can't be printed.
    pub(crate) fn heard(&mut self, incoming: Incoming) -> Result<(), Failure> {
        self.printer.incoming(&incoming)?;
        self.questions.add(incoming);
        Ok(())
    }

    /// Answers the oldest event that is like this, whatever is not given; `false` if there is none.
    pub(crate) fn answer(
        &mut self,
        (nsp, event, ack_id): (Option<&str>, Option<&str>, Option<u64>),
        args: RawArgs,
    ) -> bool {
        let Some(question) = self.questions.take(nsp, event, ack_id) else { return false };
        question.answer(args);
        self.owes = true;
        true
    }

    /// Sends an event, after all that were sent before.
    ///
    /// # Errors
    ///
    /// [`Failure`]: it can't be sent, or printed.
    pub(crate) async fn send(&mut self, departing: Departing) -> Result<(), Failure> {
        let place = (departing.socket.namespace(), &*departing.event);
        self.printer.sent(place, &departing.args, departing.ack_id)?;
        match self.under_way.send(departing).await {
            Some(outcome) => self.settle(outcome),
            None => Ok(()),
        }
    }

    /// Shows what became of an event. That an ack does not come is no reason to drop the others.
    ///
    /// # Errors
    ///
    /// [`Failure`]: it was not sent, or can't be printed.
    pub(crate) fn settle(&mut self, outcome: Outcome) -> Result<(), Failure> {
        match outcome {
            Ok(None) => Ok(()),
            Ok(Some(answer)) => answer.show(&self.printer),
            Err(trouble) if trouble.is_late() => {
                let failure = Failure::from(trouble);
                if self.tells_at_once || self.late.is_some() {
                    self.printer.warning(&failure);
                } else {
                    self.late = Some(failure);
                }
                Ok(())
            }
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// What the command ends with, once all is settled.
    ///
    /// # Errors
    ///
    /// [`Failure`]: an ack did not come, and that was not told at once.
    pub(crate) fn verdict(&mut self) -> Result<(), Failure> {
        self.late.take().map_or(Ok(()), Err)
    }

    /// Leaves what waits for an answer without one; whether something that was said may not be written yet.
    pub(crate) fn end(mut self) -> bool {
        self.questions.withhold();
        self.owes
    }
}
