//! An action on a group of sockets as a value, and the one place that carries it out: here, and through a bus elsewhere.

use std::sync::Arc;

use sockeye_proto::wire::cluster::{self, Message, Target};

use super::{LiveNamespace, Room};
use crate::{
    net::Wakes,
    server::{send::Sent, socket::Socket},
};

/// An action on a group of sockets of one namespace.
#[derive(Clone, Debug)]
pub(super) struct Op {
    pub(super) origin: Origin,
    pub(super) target: Target,
    /// Only this node's sockets are meant.
    pub(super) local: bool,
    pub(super) action: Action,
}

/// Where an action comes from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// This node's own code.
    Here,
    /// Another node, which has told all nodes itself; by its uid.
    Node(Arc<str>),
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Something is done to the sockets, on every node.
    Change(cluster::Action),
    /// Something is asked of them.
    Ask(Question),
}

/// What can be asked of a group; each node answers for its own sockets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question {
    Sockets,
    /// How many they are.
    Count,
    /// The rooms they are in, and how many of them in each.
    Rooms,
}

/// What came of an action on this node. Each fills its own field.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Of an emit.
    pub(super) sent: Sent,
    /// Of [`Question::Sockets`].
    pub(super) sockets: Vec<Socket>,
    /// Of [`Question::Count`].
    pub(super) count: usize,
    /// Of [`Question::Rooms`].
    pub(super) rooms: Vec<(Room, usize)>,
}

impl LiveNamespace {
    /// Carries out here what the node `uid` has told all others of.
    pub(crate) fn receive(&self, uid: &str, target: Target, action: cluster::Action) {
        let (origin, action) = (Origin::Node(uid.into()), Action::Change(action));
        self.carry_out(Op { origin, target, local: false, action });
    }

    /// Carries out an action on a group; every one passes here. What changes a group, and begins here, is told to the
    /// other nodes first, unless it is local.
    pub(super) fn carry_out(&self, op: Op) -> Outcome {
        let Op { origin, target, local, action } = op;
        let action = match action {
            Action::Ask(question) => return self.answer(&target, question),
            Action::Change(action) => action,
        };
        match (origin, &self.bus) {
            (Origin::Here, Some(bus)) if !local => bus.publish(Message {
                namespace: Arc::clone(&self.name),
                target: target.clone(),
                action: action.clone(),
            }),
            (Origin::Here, _) => {}
            (Origin::Node(node), _) => {
                tracing::trace!(target: "sockeye::packet", namespace = &*self.name, %node, "told by a node");
            }
        }
        self.change(&target, action)
    }

    fn change(&self, target: &Target, action: cluster::Action) -> Outcome {
        let mut sent = Sent::default();
        match action {
            cluster::Action::Emit { packet, volatile } => {
                // Who has to be woken is noted, and woken when the lock is gone.
                let mut wakes = Wakes::default();
                self.rooms.each(target, |socket| {
                    let queued = socket.deliver(packet.clone(), volatile, &mut wakes);
                    sent.count(queued.is_ok());
                });
                wakes.wake();
            }
            cluster::Action::Join { rooms } => {
                let sockets = self.rooms.select(target);
                sockets.iter().for_each(|socket| self.join(socket, &rooms));
            }
            cluster::Action::Leave { rooms } => {
                let sockets = self.rooms.select(target);
                sockets.iter().for_each(|socket| self.leave(socket, &rooms));
            }
            cluster::Action::Disconnect { close } => {
                let sockets = self.rooms.select(target);
                sockets.iter().for_each(|socket| socket.end(close));
            }
        }
        Outcome { sent, ..Outcome::default() }
    }

    fn answer(&self, target: &Target, question: Question) -> Outcome {
        let mut outcome = Outcome::default();
        match question {
            Question::Sockets => outcome.sockets = self.rooms.select(target),
            Question::Count => outcome.count = self.rooms.count(target),
            Question::Rooms => outcome.rooms = self.rooms.list(target),
        }
        outcome
    }
}
