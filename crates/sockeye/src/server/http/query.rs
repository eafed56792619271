//! The query of an Engine.IO request: which transport, which version, which session.

/// A query string whose interesting values need no decoding: clients write them as they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'r>(&'r str);

/// What a query says about one name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Field<'r> {
    Absent,
    Once(&'r str),
    /// A list; nothing that there is equals it, as in the reference.
    Repeated,
}

impl<'r> Query<'r> {
    pub(super) fn of(uri: &'r http::Uri) -> Self {
        Self(uri.query().unwrap_or_default())
    }

    pub(super) fn field(self, name: &str) -> Field<'r> {
        let mut values = self
            .0
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .filter(|(found, _)| *found == name)
            .map(|(_, value)| value);
        match (values.next(), values.next()) {
            (None, _) => Field::Absent,
            (Some(value), None) => Field::Once(value),
            (Some(_), Some(_)) => Field::Repeated,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(query: &str, name: &str, expect: Field<'_>) {
        assert_eq!(Query(query).field(name), expect, "{name} in {query:?}");
    }

    #[test]
    fn a_name_is_compared_whole_and_found_once() {
        check("EIO=4&transport=polling&t=abc", "transport", Field::Once("polling"));
        check("transport=polling", "EIO", Field::Absent);
        check("", "EIO", Field::Absent);
        check("j", "j", Field::Once(""));
        check("sid=", "sid", Field::Once(""));
        check("t=a=b", "t", Field::Once("a=b"));
        check("xtransport=polling&transportx=1", "transport", Field::Absent);
        check("transport[]=polling", "transport", Field::Absent);
        check("transport=polling&transport=websocket", "transport", Field::Repeated);
        check("sid=a&sid=a", "sid", Field::Repeated);
        check("__proto__=polling", "transport", Field::Absent);
        check("&&=&=transport", "transport", Field::Absent);
    }

    proptest! {
        #[test]
        fn what_was_written_is_found(before: String, name in "[a-zA-Z]{1,9}", value in "[^&]*") {
            let query = format!("{before}&{name}={value}");
            let found = Query(&query).field(&name);
            prop_assert!(matches!(found, Field::Repeated) || found == Field::Once(&value), "{:?}", found);
        }
    }
}
