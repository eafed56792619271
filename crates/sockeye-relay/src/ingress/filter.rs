//! Which events a sink wants.

use crate::glob::Glob;

/// Names of events that a sink wants; gaps go to every sink.
#[derive(Clone, Debug, Default)]
pub struct Filter(Vec<Glob>);

impl Filter {
    /// Events whose name is like one of these, with `*` for any characters and `?` for any one; all of them if there is none.
    pub fn new<'a>(globs: impl IntoIterator<Item = &'a str>) -> Self {
        Self(globs.into_iter().map(Glob::new).collect())
    }

    /// Whether an event of this name is wanted.
    #[must_use]
    pub fn wants(&self, event: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|glob| glob.matches(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_choose_events() {
        #[track_caller]
        fn check(globs: &[&str], event: &str, expect: bool) {
            assert_eq!(
                Filter::new(globs.iter().copied()).wants(event),
                expect,
                "{globs:?} {event}"
            );
        }
        check(&[], "anything", true);
        check(&["chat"], "chat", true);
        check(&["chat"], "chats", false);
        check(&["a", "chat*"], "chats", true);
        check(&["?"], "é", true);
        check(&["*:*"], "room:1", true);
    }
}
