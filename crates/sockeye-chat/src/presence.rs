//! Who is in which room, and what the people there have been told of it.
//!
//! A person is in a room as long as one of their sockets is, and a moment longer when the last one is lost: a page that
//! is loaded again says nothing to anybody. What has changed is told at once while that is rare, and gathered when it is
//! not, so that a crowd that comes and goes costs everybody a fixed share of their line. Who enters is given the list as
//! it has been *told*: what is told later then leads everybody to the same truth.
//!
//! No clock and no I/O: the time comes in, news come out.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    ops::Bound,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    pace::{Pace, Used},
    person::Person,
    room::Room,
    rules::{MAX_ROOMS, Violation},
};

/// How long somebody who has lost the connection is still there: a reload, a lift, a change of networks.
pub(crate) const GRACE: Duration = Duration::from_secs(4);
/// People in one answer.
pub(crate) const PAGE: usize = 100;
/// How often a room is told who comes and goes. A small group is told of each; a crowd in parts of [`MAX_NEWS`].
const TELLING: Pace = Pace { burst: 20, refill: Duration::from_millis(500) };
/// People in one telling.
const MAX_NEWS: usize = 25;
/// Which part of the rooms that could still be made one person may have made.
const SHARE: usize = 50;

/// All rooms that somebody is in.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    rooms: HashMap<Room, Crowd>,
    /// How many of the rooms each person has made.
    made: HashMap<Arc<Person>, usize>,
    /// Who may have gone, and when that is certain; the earliest first, as all wait equally long.
    lost: VecDeque<(Instant, Room, Arc<Person>)>,
    /// Whether a room has become fuller or emptier.
    moved: bool,
}

/// The people of one room.
#[derive(Debug)]
struct Crowd {
    people: BTreeMap<Arc<Person>, Member>,
    /// How many of them are here.
    here: usize,
    /// Whose coming or going may not have been told, the earliest first; each once.
    untold: VecDeque<Arc<Person>>,
    told: Used,
    maker: Arc<Person>,
}

#[derive(Debug, Default)]
struct Member {
    sockets: usize,
    /// When the last socket was lost; the person is still here.
    lost_at: Option<Instant>,
    /// Whether the others believe that the person is here.
    told: bool,
    /// Whether the person is among the untold.
    queued: bool,
}

/// Who has come and gone since the last news.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct News {
    pub(crate) joined: Vec<Arc<Person>>,
    pub(crate) left: Vec<Arc<Person>>,
    /// How many people are here.
    pub(crate) count: usize,
}

impl Presence {
    /// One socket more of a person enters.
    pub(crate) fn enter(
        &mut self,
        room: &Room,
        person: &Arc<Person>,
        now: Instant,
    ) -> Result<(), Violation> {
        if !self.rooms.contains_key(room) {
            self.make(room, person, now)?;
        }
        if let Some(crowd) = self.rooms.get_mut(room) {
            let member = crowd.people.entry(Arc::clone(person)).or_default();
            if !member.is_here() {
                crowd.here += 1;
                self.moved = true;
            }
            member.sockets += 1;
            member.lost_at = None;
            crowd.note(person);
        }
        Ok(())
    }

    /// A socket of a person goes on purpose.
    pub(crate) fn leave(&mut self, room: &Room, person: &Arc<Person>) {
        self.release(room, person, None);
    }

    /// A socket of a person is lost; it may come back.
    pub(crate) fn lose(&mut self, room: &Room, person: &Arc<Person>, now: Instant) {
        if self.release(room, person, Some(now)) {
            self.lost.push_back((now, room.clone(), Arc::clone(person)));
        }
    }

    /// What is to be told in a room now, if anything.
    pub(crate) fn news(&mut self, room: &Room, now: Instant) -> Option<News> {
        self.rooms.get_mut(room)?.news(now)
    }

    /// Ends the time of those who have not come back, and gives all news that are due.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<(Room, News)> {
        while let Some((at, room, person)) = self.lost.pop_front_if(|(at, ..)| *at + GRACE <= now) {
            let member = self.rooms.get(&room).and_then(|crowd| crowd.people.get(&person));
            // Not if it came back, and was perhaps lost again.
            if member.is_some_and(|member| member.lost_at == Some(at)) {
                self.release(&room, &person, None);
            }
        }
        let rooms = self.rooms.iter_mut();
        rooms.filter_map(|(room, crowd)| Some((room.clone(), crowd.news(now)?))).collect()
    }

    /// Whether nothing will be due, whatever time passes.
    pub(crate) fn is_settled(&self) -> bool {
        self.lost.is_empty() && self.rooms.values().all(|crowd| crowd.untold.is_empty())
    }

    /// Whether a room has become fuller or emptier since this was asked for the last time.
    pub(crate) const fn take_moved(&mut self) -> bool {
        std::mem::replace(&mut self.moved, false)
    }

    /// How many people are in a room.
    pub(crate) fn count(&self, room: &Room) -> usize {
        self.rooms.get(room).map_or(0, |crowd| crowd.here)
    }

    /// The people of a room in the order of their names, as told and with `reader`: one page of them, from the first
    /// behind `after` on.
    pub(crate) fn people(
        &self,
        room: &Room,
        after: Option<&Person>,
        reader: &Person,
    ) -> Vec<Arc<Person>> {
        let Some(crowd) = self.rooms.get(room) else { return Vec::new() };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let people = crowd.people.range::<Person, _>((start, Bound::Unbounded));
        people
            .filter(|(person, member)| member.told || ***person == *reader)
            .map(|(person, _)| Arc::clone(person))
            .take(PAGE)
            .collect()
    }

    /// Every room and how many people are in it.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = (&Room, usize)> {
        self.rooms.iter().map(|(room, crowd)| (room, crowd.here))
    }

    /// Makes a room, if there is space for one more of this person's. For the lobby there always is.
    fn make(&mut self, room: &Room, maker: &Arc<Person>, now: Instant) -> Result<(), Violation> {
        if !room.is_lobby() {
            let others: usize = self.made.values().sum();
            let free = MAX_ROOMS.checked_sub(others + 1).ok_or(Violation::RoomsFull)?;
            let made = self.made.get(maker).copied().unwrap_or_default();
            if made > free / SHARE {
                return Err(Violation::TooManyMade);
            }
            self.made.insert(Arc::clone(maker), made + 1);
        }
        self.rooms.insert(room.clone(), Crowd::new(maker, now));
        Ok(())
    }

    /// One socket less of a person, who may still come back if it is lost; `true` if they have to for being here.
    fn release(&mut self, room: &Room, person: &Arc<Person>, lost_at: Option<Instant>) -> bool {
        let Some(crowd) = self.rooms.get_mut(room) else { return false };
        let Some(member) = crowd.people.get_mut(person) else { return false };
        member.sockets = member.sockets.saturating_sub(1);
        if member.sockets > 0 {
            return false;
        }
        member.lost_at = lost_at;
        if lost_at.is_some() {
            return true;
        }
        crowd.here -= 1;
        self.moved = true;
        crowd.note(person);
        if crowd.here == 0 {
            self.unmake(room);
        }
        false
    }

    /// A room is gone with the last person in it.
    fn unmake(&mut self, room: &Room) {
        let Some(Crowd { maker, .. }) = self.rooms.remove(room) else { return };
        if room.is_lobby() {
            return;
        }
        match self.made.get_mut(&maker) {
            Some(made) if *made > 1 => *made -= 1,
            _ => _ = self.made.remove(&maker),
        }
    }
}

impl Crowd {
    fn new(maker: &Arc<Person>, now: Instant) -> Self {
        let (people, untold) = (BTreeMap::new(), VecDeque::new());
        Self { people, here: 0, untold, told: Used::new(now), maker: Arc::clone(maker) }
    }

    /// A person has come or gone, which may have to be told.
    fn note(&mut self, person: &Arc<Person>) {
        if let Some(member) = self.people.get_mut(person)
            && member.is_news()
            && !member.queued
        {
            member.queued = true;
            self.untold.push_back(Arc::clone(person));
        }
    }

    fn news(&mut self, now: Instant) -> Option<News> {
        // Who has come and gone again is no news.
        while let Some(person) = self
            .untold
            .pop_front_if(|person| self.people.get(person).is_none_or(|member| !member.is_news()))
        {
            self.settle(&person);
        }
        if self.untold.is_empty() || TELLING.take(&self.told, now).is_err() {
            return None;
        }
        let mut news = News { count: self.here, ..News::default() };
        while news.joined.len() + news.left.len() < MAX_NEWS {
            let Some(person) = self.untold.pop_front() else { break };
            match self.settle(&person) {
                Some(true) => news.joined.push(person),
                Some(false) => news.left.push(person),
                None => {}
            }
        }
        Some(news)
    }

    /// What is to be told of a person: `true` for coming, `false` for going. It counts as told then.
    fn settle(&mut self, person: &Arc<Person>) -> Option<bool> {
        let member = self.people.get_mut(person)?;
        let (is_here, is_news) = (member.is_here(), member.is_news());
        member.queued = false;
        member.told = is_here;
        if !is_here {
            self.people.remove(person);
        }
        is_news.then_some(is_here)
    }
}

impl Member {
    const fn is_here(&self) -> bool {
        self.sockets > 0 || self.lost_at.is_some()
    }

    const fn is_news(&self) -> bool {
        self.told != self.is_here()
    }
}

#[cfg(test)]
mod tests;
