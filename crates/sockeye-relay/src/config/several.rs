//! What may be one or several in a file, and short: a text, a table, or a list of both.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, value::MapAccessDeserializer},
};

/// What is a table, and may be written as one text.
pub(super) trait Short: Sized {
    /// How many there may be, and how each is written.
    const EXPECTED: &'static str;

    fn short(text: &str) -> Self;
}

/// Reads one, or several.
pub(super) fn tables<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Short + Deserialize<'de>,
{
    struct One<T>(T);

    impl<'de, T: Short + Deserialize<'de>> Deserialize<'de> for One<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor<T>(PhantomData<T>);

            impl<'de, T: Short + Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
                type Value = One<T>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(T::EXPECTED)
                }

                fn visit_str<E: de::Error>(self, text: &str) -> Result<One<T>, E> {
                    Ok(One(T::short(text)))
                }

                fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<One<T>, A::Error> {
                    T::deserialize(MapAccessDeserializer::new(map)).map(One)
                }
            }

            deserializer.deserialize_any(Visitor(PhantomData))
        }
    }

    struct Visitor<T>(PhantomData<T>);

    impl<'de, T: Short + Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::EXPECTED)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            Ok(vec![T::short(text)])
        }

        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
            Ok(vec![T::deserialize(MapAccessDeserializer::new(map))?])
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut several = Vec::new();
            while let Some(One(one)) = seq.next_element()? {
                several.push(one);
            }
            Ok(several)
        }
    }

    deserializer.deserialize_any(Visitor(PhantomData))
}

/// Reads a list of texts; one text is a list of one.
pub(super) fn texts<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: From<String>,
{
    struct Visitor<T>(PhantomData<T>);

    impl<'de, T: From<String>> de::Visitor<'de> for Visitor<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text, or a list of texts")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            Ok(vec![text.to_owned().into()])
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut several = Vec::new();
            while let Some(text) = seq.next_element::<String>()? {
                several.push(text.into());
            }
            Ok(several)
        }
    }

    deserializer.deserialize_any(Visitor(PhantomData))
}
