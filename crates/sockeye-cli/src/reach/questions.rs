//! Events of the server that wait for an ack.

use std::collections::VecDeque;

use sockeye::client::Incoming;

/// So many may wait; then the oldest is left unanswered.
const MAX_QUESTIONS: usize = 1_024;

/// In the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Questions(VecDeque<Incoming>);

impl Questions {
    /// Adds an event, if it asks for an ack.
    pub(crate) fn add(&mut self, incoming: Incoming) {
        if !incoming.wants_answer() {
            return;
        }
        if self.0.len() >= MAX_QUESTIONS
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.withhold();
        }
        self.0.push_back(incoming);
    }

    /// Takes the oldest that is like this, whatever is not given.
    pub(crate) fn take(
        &mut self,
        nsp: Option<&str>,
        event: Option<&str>,
        id: Option<u64>,
    ) -> Option<Incoming> {
        let index = self.0.iter().position(|question| {
            nsp.is_none_or(|nsp| *question.namespace == *nsp)
                && event.is_none_or(|event| question.event == event)
                && id.is_none_or(|id| question.ack_id() == Some(id))
        });
        self.0.remove(index?)
    }

    /// Leaves all of them unanswered.
    pub(crate) fn withhold(&mut self) {
        self.0.drain(..).for_each(Incoming::withhold);
    }
}
