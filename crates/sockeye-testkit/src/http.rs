//! HTTP requests and WebSockets between two ends: what goes by different ways overtakes each other, and may get lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use sockeye_proto::wire::polling::Body;

use crate::{Fault, Rng, Sight, wire::Frame};

/// What goes wrong with one HTTP request.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Mishap {
    /// It does not reach the server, and the client is told.
    Lost,
    /// It does not reach the server, and nobody is told.
    Swallowed,
    /// It reaches the server twice. The copy of a POST comes while that is under way.
    Doubled,
    /// It reaches the server twice. The copy of a POST comes once that has been read.
    Replayed,
    /// The client gives it up, and the server hears of it.
    Aborted,
    /// It is answered, but instead of the answer the client gets an error.
    AnswerLost,
    /// It is answered, but the client never hears of it.
    AnswerSwallowed,
}

/// How requests and WebSockets fare.
#[derive(Clone, Copy, Debug, Default)]
pub struct Roads {
    /// How long anything may be on its way.
    pub max_delay: Duration,
    /// How long the client polls at least before it offers a WebSocket.
    pub upgrade_after: Duration,
    /// What befalls the request with this number; the first has the number 0.
    pub mishap: Option<(u64, Mishap)>,
    /// What befalls the WebSocket after this many messages; the first is its handshake.
    pub fault: Option<(u64, Fault)>,
}

/// To the server.
#[derive(Clone, Debug)]
pub(crate) enum Up {
    Get {
        id: u64,
    },
    PostBegins {
        id: u64,
    },
    PostEnds {
        id: u64,
        body: Body,
    },
    /// The answer to a GET has left.
    Taken {
        id: u64,
    },
    /// Nobody waits for the answer any more.
    Gone {
        id: u64,
    },
    /// A WebSocket's handshake.
    Offer {
        socket: u64,
    },
    Frame {
        socket: u64,
        frame: Frame,
    },
    End {
        socket: u64,
    },
}

/// To the client.
#[derive(Clone, Debug)]
pub(crate) enum Down {
    Answer {
        id: u64,
        body: Body,
    },
    /// Instead of an answer: refused, or lost.
    Failed {
        id: u64,
    },
    Opened {
        socket: u64,
    },
    Frame {
        socket: u64,
        frame: Frame,
    },
    End {
        socket: u64,
    },
}

/// What arrives.
#[derive(Clone, Debug)]
pub(crate) enum Parcel {
    Up(Up),
    Down(Down),
}

/// All that is on its way.
#[derive(Debug)]
pub(crate) struct Traffic {
    roads: Roads,
    rng: Rng,
    parcels: BTreeMap<(Instant, u64), Parcel>,
    requests: u64,
    sent: u64,
    /// Messages of the first WebSocket so far.
    carried: u64,
    /// The WebSocket has met its fault.
    broken: bool,
    /// Something has gone wrong.
    struck: bool,
    /// When the last message of each WebSocket and direction arrives: a stream keeps the order.
    last: BTreeMap<(u64, bool), Instant>,
    copies: BTreeSet<u64>,
    unlucky: BTreeMap<u64, Mishap>,
    seen: BTreeSet<Sight>,
}

/// The WebSocket that faults befall.
pub(crate) const FIRST: u64 = 0;
/// Added to a request's id for its copy.
const COPY: u64 = 1 << 32;

impl Traffic {
    pub(crate) fn new(roads: Roads, rng: Rng) -> Self {
        Self {
            roads,
            rng,
            parcels: BTreeMap::new(),
            requests: 0,
            sent: 0,
            carried: 0,
            broken: false,
            struck: false,
            last: BTreeMap::new(),
            copies: BTreeSet::new(),
            unlucky: BTreeMap::new(),
            seen: BTreeSet::new(),
        }
    }

    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.parcels.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn arrived(&mut self, now: Instant) -> Option<Parcel> {
        let first = self.parcels.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Sends a request and says its id.
    pub(crate) fn request(&mut self, now: Instant, post: Option<Body>) -> u64 {
        let id = self.requests;
        self.requests += 1;
        let mishap = self.roads.mishap.filter(|(number, _)| *number == id).map(|(_, what)| what);
        if let Some(what) = mishap {
            self.struck = true;
            self.saw(if post.is_some() { Sight::Post(what) } else { Sight::Get(what) });
        }
        let begins = self.arrival(now);
        let ends = self.arrival(begins);
        match mishap {
            Some(Mishap::Swallowed) => return id,
            Some(Mishap::Lost) => {
                self.put(begins, Parcel::Down(Down::Failed { id }));
                return id;
            }
            Some(Mishap::Aborted) => {
                let gives_up = self.arrival(begins);
                self.put(gives_up, Parcel::Down(Down::Failed { id }));
                self.unlucky.insert(id, Mishap::Aborted);
            }
            Some(what) => drop(self.unlucky.insert(id, what)),
            None => {}
        }
        let doubled = mishap == Some(Mishap::Doubled);
        let replayed = mishap == Some(Mishap::Replayed);
        let copy = id + COPY;
        if doubled || replayed {
            self.copies.insert(copy);
        }
        match post {
            None => {
                self.put(begins, Parcel::Up(Up::Get { id }));
                if doubled || replayed {
                    let at = if replayed { ends } else { self.arrival(now) };
                    self.put(at, Parcel::Up(Up::Get { id: copy }));
                }
            }
            Some(body) => {
                self.put(begins, Parcel::Up(Up::PostBegins { id }));
                if doubled {
                    self.put(begins, Parcel::Up(Up::PostBegins { id: copy }));
                    self.put(ends, Parcel::Up(Up::PostEnds { id: copy, body: body.clone() }));
                }
                if mishap == Some(Mishap::Aborted) {
                    self.put(ends, Parcel::Up(Up::Gone { id }));
                    return id;
                }
                if replayed {
                    let retries = u32::try_from(self.rng.below(4)).unwrap_or_default();
                    let begins = self.arrival(ends + self.roads.max_delay * retries);
                    let ends_again = self.arrival(begins);
                    self.put(ends, Parcel::Up(Up::PostEnds { id, body: body.clone() }));
                    self.put(begins, Parcel::Up(Up::PostBegins { id: copy }));
                    self.put(ends_again, Parcel::Up(Up::PostEnds { id: copy, body }));
                } else {
                    self.put(ends, Parcel::Up(Up::PostEnds { id, body }));
                }
                return id;
            }
        }
        if mishap == Some(Mishap::Aborted) {
            self.put(ends, Parcel::Up(Up::Gone { id }));
        }
        id
    }

    /// Answers a request; the server hears when the answer has left.
    pub(crate) fn answer(&mut self, now: Instant, id: u64, body: Body) {
        let at = self.arrival(now);
        if self.copies.contains(&id) {
            self.put(at, Parcel::Up(Up::Gone { id })); // nobody is there
            return;
        }
        let taken = now + (at - now) / 2;
        self.put(taken, Parcel::Up(Up::Taken { id }));
        match self.unlucky.get(&id) {
            Some(Mishap::AnswerLost) => self.put(at, Parcel::Down(Down::Failed { id })),
            Some(Mishap::AnswerSwallowed) => {}
            _ => self.put(at, Parcel::Down(Down::Answer { id, body })),
        }
    }

    /// Refuses a request.
    pub(crate) fn refuse(&mut self, now: Instant, id: u64) {
        let at = self.arrival(now);
        self.put(at, Parcel::Down(Down::Failed { id }));
    }

    /// The client gives a request up because it closes.
    pub(crate) fn give_up(&mut self, now: Instant, id: u64) {
        let at = self.arrival(now);
        self.put(at, Parcel::Up(Up::Gone { id }));
    }

    /// Sends something through a WebSocket.
    pub(crate) fn stream(&mut self, now: Instant, socket: u64, parcel: Parcel) {
        if socket == FIRST {
            if self.broken {
                return;
            }
            if let Some((after, fault)) = self.roads.fault
                && self.carried == after
            {
                return self.fail(now, fault);
            }
            self.carried += 1;
        }
        let arrival = self.arrival(now);
        let last = self.last.entry((socket, matches!(parcel, Parcel::Up(_)))).or_insert(arrival);
        *last = arrival.max(*last);
        let at = *last;
        self.put(at, parcel);
    }

    /// Whether something has gone wrong.
    pub(crate) const fn has_struck(&self) -> bool {
        self.struck
    }

    /// Notes what has happened.
    pub(crate) fn saw(&mut self, sight: Sight) {
        self.seen.insert(sight);
    }

    /// What has happened.
    pub(crate) const fn seen(&self) -> &BTreeSet<Sight> {
        &self.seen
    }

    fn fail(&mut self, now: Instant, fault: Fault) {
        (self.broken, self.struck) = (true, true);
        self.saw(Sight::Fault(fault, self.carried.min(Sight::CARRIES)));
        self.parcels.retain(|_, parcel| {
            !matches!(
                parcel,
                Parcel::Up(Up::Offer { socket } | Up::Frame { socket, .. } | Up::End { socket })
                | Parcel::Down(Down::Opened { socket } | Down::Frame { socket, .. } | Down::End { socket })
                if *socket == FIRST
            )
        });
        if fault == Fault::Cut {
            let (up, down) = (self.arrival(now), self.arrival(now));
            self.put(up, Parcel::Up(Up::End { socket: FIRST }));
            self.put(down, Parcel::Down(Down::End { socket: FIRST }));
        }
    }

    fn put(&mut self, at: Instant, parcel: Parcel) {
        self.parcels.insert((at, self.sent), parcel);
        self.sent += 1;
    }

    fn arrival(&mut self, now: Instant) -> Instant {
        let nanos = u64::try_from(self.roads.max_delay.as_nanos()).unwrap_or(u64::MAX);
        now + Duration::from_nanos(self.rng.below(nanos))
    }
}
