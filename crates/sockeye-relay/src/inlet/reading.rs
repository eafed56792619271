//! What is read of a task before it is put: the little that its store has to know, and whether it is one at all.

use std::{fmt, sync::Arc};

use bytes::Bytes;

use super::new_id;
use crate::{
    queue::NewTask,
    task::{Mapping, Task},
};

type Read = dyn Fn(&Bytes) -> Result<NewTask, String> + Send + Sync;

/// Reads what a producer gave: its id, its key, and when it may be claimed. The text stays as it is.
#[derive(Clone)]
pub struct Reading {
    read: Arc<Read>,
    /// Whether a task's id stands in its text, so that every store finds it again.
    has_ids_inside: bool,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reading")
    }
}

impl Reading {
    /// Reads tasks that their producers write in another form than the envelope. What `read` says of one that is none
    /// is told to its producer.
    #[must_use]
    pub fn new(read: impl Fn(&Bytes) -> Result<NewTask, String> + Send + Sync + 'static) -> Self {
        Self { read: Arc::new(read), has_ids_inside: false }
    }

    /// Reads envelopes: `{"event":"chat","args":["hi"],"id":"42"}`. One without an id is given one before it is put.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_relay::inlet::Reading;
    ///
    /// let task = Reading::envelope().read(&r#"{"event":"chat","key":"room-1"}"#.into())?;
    /// assert_eq!(task.key.as_deref(), Some("room-1"));
    /// # Ok::<_, String>(())
    /// ```
    #[must_use]
    pub fn envelope() -> Self {
        Self::mapped(None)
    }

    /// Reads what the relay will read, by the same mapping: what passes here is not among the dead later.
    #[must_use]
    pub fn mapped(mapping: Option<Mapping>) -> Self {
        let has_ids_inside = mapping.is_none();
        let read = move |body: &Bytes| {
            let task = Task::read(mapping.as_ref(), body).map_err(|error| error.to_string())?;
            let Task { id, key, not_before, .. } = task;
            Ok(NewTask { id, key, not_before, body: body.clone() })
        };
        Self { has_ids_inside, ..Self::new(read) }
    }

    /// Reads one.
    ///
    /// # Errors
    ///
    /// It is no task: what was found, and what was expected.
    pub fn read(&self, body: &Bytes) -> Result<NewTask, String> {
        (self.read)(body)
    }

    /// Reads one, and gives it an id if it has none: in the text of an envelope, too, so that every store finds it by that.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_relay::inlet::Reading;
    ///
    /// let reading = Reading::envelope();
    /// let task = reading.read_named(&r#"{"event":"chat"}"#.into())?;
    /// assert_eq!(reading.read(&task.body)?.id, task.id);
    /// # Ok::<_, String>(())
    /// ```
    pub fn read_named(&self, body: &Bytes) -> Result<NewTask, String> {
        let mut task = self.read(body)?;
        if task.id.is_none() {
            self.name(&mut task, new_id());
        }
        Ok(task)
    }

    /// Whether an id that is given to a task stands in its text.
    pub(super) const fn has_ids_inside(&self) -> bool {
        self.has_ids_inside
    }

    /// Gives a task that has no id this one, in the text of an envelope, too: a store that knows a task by its text alone
    /// then finds it by its id.
    pub(super) fn name(&self, task: &mut NewTask, id: Arc<str>) {
        let open = task.body.iter().position(|byte| *byte == b'{').map(|index| index + 1);
        if let (true, Some(open)) = (self.has_ids_inside, open) {
            // It has at least its event, so there is something behind the comma.
            let member = format!("\"id\":{},", serde_json::Value::from(&*id));
            let parts = [&task.body[..open], member.as_bytes(), &task.body[open..]];
            task.body = parts.concat().into();
        }
        task.id = Some(id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// Id, key, and the seconds before which it is not claimed; or a part of the mistake.
    type Expected = Result<(Option<&'static str>, Option<&'static str>, Option<u64>), &'static str>;

    #[test]
    fn ids_are_written_into_envelopes() {
        let name = |reading: Reading, body: &'static str| {
            let mut task = NewTask { body: body.into(), ..NewTask::default() };
            reading.name(&mut task, "a\"b".into());
            assert_eq!(task.id.as_deref(), Some("a\"b"));
            String::from_utf8(task.body.to_vec()).unwrap()
        };
        let named = name(Reading::envelope(), r#" {"event":"a"}"#);
        assert_eq!(named, r#" {"id":"a\"b","event":"a"}"#);
        assert_eq!(Reading::envelope().read(&named.into()).unwrap().id.as_deref(), Some("a\"b"));
        let other = Reading::new(|_| Ok(NewTask::default()));
        assert_eq!(name(other, r#"{"event":"a"}"#), r#"{"event":"a"}"#);
    }

    #[test]
    fn envelopes() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(body: &str, expect: Expected) {
            let found = Reading::envelope().read(&Bytes::copy_from_slice(body.as_bytes()));
            match (found, expect) {
                (Ok(task), Ok((id, key, seconds))) => {
                    let not_before =
                        seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
                    assert_eq!((task.id.as_deref(), task.key.as_deref()), (id, key), "{body}");
                    assert_eq!((task.not_before, &*task.body), (not_before, body.as_bytes()));
                }
                (Err(error), Err(part)) => assert!(error.contains(part), "{body}: {error}"),
                (found, _) => panic!("{body}: {found:?}"),
            }
        }
        check(r#"{"event":"a"}"#, Ok((None, None, None)));
        check(
            r#" {"args":[1.50],"event":"a","id":"é","key":"k"} "#,
            Ok((Some("é"), Some("k"), None)),
        );
        check(r#"{"event":"a","not_before":"1970-01-01T00:00:09Z"}"#, Ok((None, None, Some(9))));
        check(r#"{"event":"a","not_before":1796126400000}"#, Ok((None, None, Some(1_796_126_400))));
        check(r#"{"event":"a","not_before":9}"#, Err("this may be seconds"));
        check(r#"{"event":"a","deadline":"soon"}"#, Err("deadline is \"soon\""));
        check(r#"{"event":"a","arg":[]}"#, Err("did you mean \"args\"?"));
        check(r#"{"args":[]}"#, Err("no \"event\""));
        check(r#"{"event":"a","id":""}"#, Err("id is \"\""));
        check(r#"{"event":"a","args":{}}"#, Err("expected a list"));
        check("[]", Err("expected an object"));
        check("", Err("not JSON"));
    }
}
