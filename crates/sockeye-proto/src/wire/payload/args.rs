//! Reads a payload's array into a tuple: the name is skipped, missing arguments are null, surplus ones ignored.

use std::{cell::Cell, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, IgnoredAny, IntoDeserializer, SeqAccess, Visitor, value::UnitDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{ArgsError, Payload};
use crate::wire::attachment::{Attached, Source};

/// Reads all arguments of a payload into a tuple or a list.
pub(super) fn read<'de, T: Deserialize<'de>>(payload: &'de Payload<'_>) -> Result<T, ArgsError> {
    let reached = Cell::new(0);
    let mut json = serde_json::Deserializer::from_str(&payload.text);
    let arguments = Arguments { inner: &mut json, payload, wanted: payload.len, reached: &reached };
    T::deserialize(arguments).map_err(|error| {
        let (argument, given) = (reached.get(), payload.len);
        if argument > given {
            ArgsError::Missing { argument, given }
        } else {
            ArgsError::mismatch(argument, &error)
        }
    })
}

/// The array, seen as a tuple: wraps in turn its deserializer, the tuple's visitor and the access to the items.
struct Arguments<'r, 'de, T> {
    inner: T,
    payload: &'de Payload<'de>,
    /// How many arguments the type has; a list of any length has what was sent.
    wanted: usize,
    /// Position of the argument being read, from 1.
    reached: &'r Cell<usize>,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Arguments<'_, 'de, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_seq(Arguments {
            inner: visitor,
            payload: self.payload,
            wanted: self.wanted,
            reached: self.reached,
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        Arguments { wanted: len, ..self }.deserialize_any(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit_struct
        newtype_struct seq tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Arguments<'_, 'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<V::Value, A::Error> {
        if self.payload.named {
            array.next_element::<IgnoredAny>()?;
        }
        let value = self.inner.visit_seq(Arguments {
            inner: &mut array,
            payload: self.payload,
            wanted: self.wanted,
            reached: self.reached,
        })?;
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Arguments<'_, 'de, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        if self.reached.get() == self.wanted {
            return Ok(None);
        }
        self.reached.set(self.reached.get() + 1);
        if self.reached.get() > self.payload.len {
            let null: UnitDeserializer<A::Error> = ().into_deserializer();
            return seed.deserialize(null).map(Some);
        }
        let source = Source { text: &self.payload.text, attachments: &self.payload.attachments };
        self.inner.next_element_seed(Attached::new(seed, source))
    }
}
