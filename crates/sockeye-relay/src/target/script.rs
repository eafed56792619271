//! What is emitted each time a target has been joined, before any task: a login, a room to join.

use std::time::Duration;

use sockeye::{
    client::Socket,
    event::{RawArgs, Refusal},
};

use super::{Judge, Judgement, confirm::judged};

/// One event of the script.
#[derive(Clone, Debug)]
pub struct Step {
    /// The event's name.
    pub event: String,
    /// Its arguments.
    pub args: RawArgs,
    /// How long to wait for its ack; `None` does not ask for one.
    pub ack_within: Option<Duration>,
    /// What its ack means. Default: any ack will do, but for an error of ours.
    pub judge: Option<Judge>,
}

/// Goes through the script, step by step.
///
/// # Errors
///
/// What a step failed by; the rest is not emitted.
pub(super) async fn run(script: &[Step], socket: &Socket) -> Result<(), Refusal> {
    for step in script {
        let failed = |why: &dyn std::fmt::Display| {
            Refusal::new(format!("on_connect: {:?}: {why}", step.event)).code("on_connect")
        };
        match step.ack_within {
            None => {
                let sent = socket.emit(&step.event, step.args.clone());
                sent.map_err(|error| failed(&error))?;
            }
            Some(timeout) => {
                let call = socket.call::<RawArgs>(&step.event, step.args.clone()).timeout(timeout);
                let answer = call.await.map_err(|error| failed(&error))?;
                match judged(step.judge.as_ref(), None, &answer) {
                    Judgement::Success => {}
                    no => return Err(failed(&no.text(&answer))),
                }
            }
        }
    }
    Ok(())
}
