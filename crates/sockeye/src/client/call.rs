//! An event that asks the server for an ack, and waits for it until a deadline.

use std::{sync::Arc, time::Duration};

use sockeye_proto::wire::prepared::Prepared;
use tokio::time;

use super::{CallErrorKind, EmitError, Socket, member::Member, unsent::Kind};
use crate::{
    dispatch::{Awaited, Call, NoResult},
    event::{FromAck, Named, RawArgs, ToArgs},
    net::LONGEST,
};

pub(super) fn call<R: FromAck>(
    socket: &Socket,
    event: &str,
    args: &impl ToArgs,
) -> Call<R, CallErrorKind> {
    let named = Named::new(event, socket.namespace());
    let id = socket.member.next_id();
    let packet = socket.member.prepare(event, Some(id), args, None);
    let (socket, timeout) = (socket.clone(), socket.shared.bounds.call_timeout);
    Call::new(named, timeout, move |timeout| make(socket, id, packet, timeout))
}

async fn make(
    socket: Socket,
    id: u64,
    packet: Result<Prepared, EmitError>,
    timeout: Duration,
) -> Result<RawArgs, CallErrorKind> {
    let member = Arc::clone(&socket.member);
    let shared = Arc::clone(&socket.shared);
    let (on_ack, awaited) = Awaited::pair();
    let deadline = time::Instant::now() + timeout.min(LONGEST);
    let kind = Kind::Call { id, deadline: deadline.into_std(), on_ack };
    let (seq, fate) = socket.send(packet?, kind)?;
    let mut pending = Pending { member: &member, seq, id, is_over: false };
    let timed_out = |written| {
        let is_silent = written && &*member.name == "/" && !member.has_heard();
        let outage = shared.outage().map(String::into_boxed_str);
        CallErrorKind::Timeout { after: timeout, written, is_silent, outage }
    };
    let in_time = time::timeout_at(deadline, fate.handed()).await;
    let handed = in_time.map_err(|_| timed_out(false))?;
    if let Err(error) = handed {
        pending.is_over = true;
        return Err(error.into());
    }
    let result = awaited.result().await;
    pending.is_over = true;
    if let Ok(_) | Err(NoResult::Refused(_)) = &result {
        member.hear();
    }
    result.map_err(|error| match error {
        NoResult::Expired => timed_out(fate.may_have_arrived()),
        NoResult::Lost => CallErrorKind::Disconnected { written: fate.may_have_arrived() },
        NoResult::Refused(error) => CallErrorKind::Refused(error),
    })
}

/// A call that is under way: taken back, or forgotten, if it is dropped.
struct Pending<'m> {
    member: &'m Member,
    seq: Option<u64>,
    id: u64,
    is_over: bool,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            if let Some(seq) = self.seq {
                self.member.withdraw(seq);
            }
            self.member.forget_ack(self.id);
        }
    }
}
