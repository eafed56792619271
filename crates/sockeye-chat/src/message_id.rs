//! The ids of messages: unique, and sorted by time.

use std::fmt;

use uuid::Uuid;

/// A UUID of version 7: each is greater than all before it in this process, whatever the clock does.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct MessageId(Uuid);

impl MessageId {
    pub(crate) fn next() -> Self {
        Self(Uuid::now_v7())
    }

    /// When it was made, in milliseconds since 1970.
    pub(crate) fn at(self) -> u64 {
        // RFC 9562 §5.7: the first 48 bits.
        self.0.as_u64_pair().0 >> 16
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn ids_ascend_as_values_and_as_text() {
        let ids: Vec<_> = std::iter::repeat_with(MessageId::next).take(10_000).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(ids.iter().map(ToString::to_string).is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn an_id_tells_its_time() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        assert!(u128::from(MessageId::next().at()).abs_diff(now) < 10_000);
    }
}
