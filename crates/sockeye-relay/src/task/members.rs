//! The members of a JSON object, each as it is written.

use serde::{
    Deserialize,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{InvalidTask, found::quoted};

/// The members, in their order.
pub(super) struct Members<'j>(Vec<(String, &'j RawValue)>);

impl<'j> Members<'j> {
    pub(super) fn read(text: &'j str) -> Result<Self, InvalidTask> {
        let begin = text.trim_start().as_bytes().first();
        if begin.is_some_and(|&first| first != b'{') {
            return Err(InvalidTask::NoObject { found: quoted(text.trim()) });
        }
        serde_json::from_str(text).map_err(|error| InvalidTask::Json { reason: error.to_string() })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The member of this name, unless it is `null`. Of several the last counts, as everywhere in JSON.
    pub(super) fn find(&self, name: &str) -> Option<&'j RawValue> {
        self.last(name).filter(|raw| raw.get() != "null")
    }

    /// The last member of this name, whatever it is.
    pub(super) fn last(&self, name: &str) -> Option<&'j RawValue> {
        self.0.iter().rev().find(|(other, _)| other == name).map(|&(_, raw)| raw)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
