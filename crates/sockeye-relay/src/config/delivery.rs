//! What is promised for tasks, as it is configured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Size, Time};
use crate::delivery::{Confirm, OnUnknown};

/// What is promised for tasks, how many at a time, how fast.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// What has to happen before a task is done: `none`, `written`, `ack` or `event`.
    pub confirm: Confirm,
    /// How long that may take.
    pub confirm_timeout: Time,
    /// What an ack, or the event that answers, has to be for the task to be done, such as `$[0].code == 0`. The arguments are a list:
    /// `$[0]` is the first. A path alone, such as `$[0].ok`, holds if it is there and neither `false` nor `null`. Default: any will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<String>,
    /// Of those that are no success: which are final. Default: none, the task is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permanent: Option<String>,
    /// The event that answers a task, for `confirm = "event"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
    /// What to do with a task that was written and not confirmed: `retry` (the server may get it twice), `hold` until somebody
    /// decides, or `dead`.
    pub on_unknown: OnUnknown,
    /// How many attempts may count: the server said no, or nothing. Lost connections don't.
    pub max_attempts: u32,
    /// How old a task may become. Default: without end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Time>,
    /// How many times a task may be claimed by relays that died before they said what became of it: perhaps of it. Also those count
    /// in which it was not sent yet.
    pub max_deliveries: u32,
    /// The bound of the first delay between two attempts; it doubles, and chance decides below it.
    pub first_delay: Time,
    /// The greatest bound.
    pub max_delay: Time,
    /// Tasks that were sent and have no outcome yet, at a time.
    pub in_flight: usize,
    /// Tasks that are claimed, sent or not, at a time. Default: four times as many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_claimed: Option<usize>,
    /// Bytes of claimed tasks, about; one is always claimed, however large it is.
    pub max_claimed_bytes: Size,
    /// How fast tasks may be sent. Default: as fast as they can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// How long what was sent is waited for when the relay is told to stop.
    pub grace: Time,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            confirm: Confirm::default(),
            confirm_timeout: Time::seconds(10),
            success: None,
            permanent: None,
            reply: None,
            on_unknown: OnUnknown::default(),
            max_attempts: 10,
            max_age: None,
            max_deliveries: 20,
            first_delay: Time::seconds(1),
            max_delay: Time::seconds(60),
            in_flight: 64,
            max_claimed: None,
            max_claimed_bytes: Size(64 << 20),
            rate: None,
            grace: Time::seconds(30),
        }
    }
}

/// The event that answers a task.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Its name.
    pub event: String,
    /// Which task it answers, such as `$[0].reqId == task.id`. `task.event`, `task.id`, `task.key`, `task.nsp` and `task.args` are what
    /// was read of the task, wherever `[task]` finds them; other names, such as `task.data.reqId`, are those of the JSON that its
    /// producer wrote. An id (or a key) is equal to a number of the same digits: `"7"` is `7` there.
    #[serde(rename = "where")]
    pub matches: String,
}

/// How fast tasks may be sent.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Tasks a second, in the long run.
    pub per_second: f64,
    /// How many at once. Default: as many as in a second, at least one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

/// What is promised for the tasks of one event, where it differs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Event {
    /// As in `[delivery]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Confirm>,
    /// As in `[delivery]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_timeout: Option<Time>,
    /// As in `[delivery]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<String>,
    /// As in `[delivery]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permanent: Option<String>,
    /// As in `[delivery]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_unknown: Option<OnUnknown>,
    /// As in `[delivery]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// As in `[delivery]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Time>,
    /// As in `[delivery]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_delay: Option<Time>,
    /// As in `[delivery]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_delay: Option<Time>,
    /// The arguments, as in `[task]`, which has to be there: events that one producer writes may differ in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<MappedArgs>,
}

/// Where the parts of a task are, if its producer writes no envelope. A text that begins with `$` is a JSONPath (RFC 9535),
/// any other stands for itself, and so does one behind a backslash.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The event's name: a text.
    pub event: String,
    /// The arguments: a list of paths, one for each, or the path of a whole list. `["$"]` is the whole task as the only argument, `[]`
    /// is none. What a path finds goes through as its producer wrote it; one that finds nothing makes the task invalid.
    pub args: MappedArgs,
    /// Its id, by which copies are known and results found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its lane: tasks of one key are sent in order. It also chooses the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its namespace, if it is not the connection's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsp: Option<String>,
    /// When it may be sent at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// When it may be sent at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// What has to happen before it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// How many attempts may count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<String>,
    /// Where its result goes: a list or a stream in Redis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The trace that it belongs to (W3C Trace Context).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Mapping {
    /// The fields that are mapped, but for the arguments.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let others = [
            ("id", &self.id),
            ("key", &self.key),
            ("nsp", &self.nsp),
            ("not_before", &self.not_before),
            ("deadline", &self.deadline),
            ("confirm", &self.confirm),
            ("attempts", &self.attempts),
            ("reply_to", &self.reply_to),
            ("traceparent", &self.traceparent),
        ];
        let others = others.into_iter().filter_map(|(name, path)| Some((name, path.as_deref()?)));
        others.chain([("event", self.event.as_str())])
    }
}

/// The arguments of a mapping.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(untagged)]
pub enum MappedArgs {
    /// The whole list.
    Whole(String),
    /// Each of them.
    Each(Vec<String>),
}
