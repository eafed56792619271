//! What became of both links, while it is being found out and afterwards.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::life::{Death, Life, Role, alike, median, seconds};
use crate::output::milliseconds;

/// A watch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    /// The heartbeat that the server announced.
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    /// In version 3 it is the client that pings.
    pub(crate) is_version_3: bool,
    /// Whether the server speaks another version than we do.
    pub(crate) is_mismatched: bool,
    /// The lives of each link, one after the other.
    pub(crate) idle: Vec<Life>,
    pub(crate) talking: Vec<Life>,
    /// Why the server takes no connections any more.
    pub(crate) gone: Option<String>,
    /// Whether it took none for a moment.
    pub(crate) was_away: bool,
    /// Why a link could not be opened again although the server is there.
    pub(crate) refused: Option<String>,
}

impl Watched {
    /// How long it may take from one sign of life to the next.
    pub(crate) fn limit(&self) -> Duration {
        self.interval + self.timeout
    }

    pub(crate) fn lives(&self, role: Role) -> &[Life] {
        match role {
            Role::Idle => &self.idle,
            Role::Talking => &self.talking,
        }
    }

    pub(crate) fn lives_mut(&mut self, role: Role) -> &mut Vec<Life> {
        match role {
            Role::Idle => &mut self.idle,
            Role::Talking => &mut self.talking,
        }
    }

    /// The drop that is told of.
    pub(crate) fn last_drop(&self) -> Option<&Life> {
        let mut drops = self.idle.iter().chain(&self.talking).rev();
        drops.find(|life| life.end.is_some())
    }

    /// Whether watching on would tell nothing more.
    pub(crate) fn is_enough(&self) -> bool {
        let drops = |role| self.lives(role).iter().filter(|life| life.end.is_some()).count();
        let (idle, talking) = (drops(Role::Idle), drops(Role::Talking));
        let is_flooded = |life: &Life| matches!(life.end, Some(Death::Flood(_)));
        if self.idle.iter().chain(&self.talking).any(is_flooded) {
            return true;
        }
        if self.gone.is_some() || self.has_lost_heartbeat() {
            return true;
        }
        // Twice is a pattern; but the other link must have had the time to show it, too.
        let settled = |role: Role, other: Role| {
            let age =
                self.lives(role).iter().filter(|life| life.end.is_some()).map(|life| life.age);
            let age = age.max().unwrap_or_default();
            let present = self.lives(other).last();
            present
                .is_some_and(|life| life.end.is_none() && life.age > age && !alike(life.age, age))
        };
        match (idle, talking) {
            (2.., 2..) => true,
            (2.., _) => settled(Role::Idle, Role::Talking),
            (_, 2..) => settled(Role::Talking, Role::Idle),
            _ => self.is_mismatched && idle > 0,
        }
    }

    /// Whether one link got no heartbeat, and the other had the time to show its own.
    fn has_lost_heartbeat(&self) -> bool {
        let silent = [Role::Idle, Role::Talking].map(|role| {
            let is_silent = |life: &Life| life.end == Some(Death::NoHeartbeat);
            self.lives(role).iter().any(is_silent)
        });
        match silent {
            [true, true] => true,
            [false, false] => false,
            _ => {
                let ages = |role| self.lives(role).last().map(|life| life.age).unwrap_or_default();
                ages(Role::Idle).abs_diff(ages(Role::Talking)) > MOMENT
            }
        }
    }

    /// What a check of this link shows.
    pub(crate) fn evidence(&self, role: Role) -> Map<String, Value> {
        let mut evidence = Map::new();
        let lives = self.lives(role);
        let mut put = |name: &str, value: Value| evidence.insert(name.to_owned(), value);
        put("interval_s", json!(seconds(self.interval)));
        put("timeout_s", json!(seconds(self.timeout)));
        put("drops", json!(lives.iter().filter(|life| life.end.is_some()).count()));
        put("connections", json!(lives.iter().map(Life::evidence).collect::<Vec<_>>()));
        evidence
    }

    /// The same in a few words, for people.
    pub(crate) fn note(&self, role: Role) -> String {
        let lives = self.lives(role);
        if lives.is_empty() {
            return self.refused.clone().or_else(|| self.gone.clone()).unwrap_or_default();
        }
        let told = lives.iter().map(|life| match &life.end {
            Some(end) => format!("ended after {:.1} s: {}", seconds(life.age), end.words()),
            None => {
                let beats = match life.beats.len() {
                    1 => "1 heartbeat".to_owned(),
                    beats => format!("{beats} heartbeats"),
                };
                let rtt = median(&life.round_trips).map_or_else(String::new, |rtt| {
                    format!(", answers in {:.1} ms", milliseconds(rtt))
                });
                format!("lasted {:.1} s, {beats}{rtt}", seconds(life.age))
            }
        });
        told.collect::<Vec<_>>().join("; then ")
    }
}

/// By how much the heartbeats of two links may differ.
const MOMENT: Duration = Duration::from_millis(500);
