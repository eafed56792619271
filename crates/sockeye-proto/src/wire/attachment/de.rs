//! Reads JSON with an attachment wherever its placeholder stands.

use std::fmt;

use bytes::Bytes;
use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess,
        VariantAccess, Visitor,
        value::{BorrowedStrDeserializer, StringDeserializer},
    },
};

use super::placeholder;

/// What a text with placeholders is read from.
#[derive(Clone, Copy, Debug)]
pub(in crate::wire) struct Source<'de> {
    /// The JSON text that the inner deserializer reads.
    pub(in crate::wire) text: &'de str,
    pub(in crate::wire) attachments: &'de [Bytes],
}

/// Wraps each part that serde reads with (deserializer, visitor, access, seed), so that the wrapping goes all the way
/// down and the visitor of bytes, at whatever depth, meets the attachment instead of the placeholder.
#[derive(Debug)]
pub(in crate::wire) struct Attached<'de, T> {
    inner: T,
    source: Source<'de>,
    /// Whether an object may be a placeholder: asked for anything or for bytes, but not for a map or struct.
    may_be_bytes: bool,
}

impl<'de, T> Attached<'de, T> {
    pub(in crate::wire) const fn new(inner: T, source: Source<'de>) -> Self {
        Self { inner, source, may_be_bytes: false }
    }

    const fn or_bytes(inner: T, source: Source<'de>) -> Self {
        Self { inner, source, may_be_bytes: !source.attachments.is_empty() }
    }
}

/// Forwards methods whose value can't contain bytes.
macro_rules! forward_scalars {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(visitor)
        })*
    };
}

/// Forwards methods whose value may contain bytes further down.
macro_rules! forward_compounds {
    ($($method:ident($($arg:ident: $type:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method($($arg,)* Attached::new(visitor, self.source))
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Attached<'de, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(Attached::or_bytes(visitor, self.source))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        if self.source.attachments.is_empty() {
            self.inner.deserialize_bytes(visitor)
        } else {
            self.deserialize_any(visitor)
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }

    forward_scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
        deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_unit
        deserialize_identifier deserialize_ignored_any
    }

    forward_compounds! {
        deserialize_option()
        deserialize_newtype_struct(name: &'static str)
        deserialize_seq()
        deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }
}

/// Forwards what can't contain bytes.
macro_rules! forward_visits {
    ($($method:ident($type:ty))*) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Attached<'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    forward_visits! {
        visit_bool(bool) visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128) visit_f32(f32)
        visit_f64(f64) visit_char(char) visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Attached::new(deserializer, self.source))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Attached::new(deserializer, self.source))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Attached::new(array, self.source))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Attached::new(data, self.source))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<V::Value, A::Error> {
        let Self { inner, source, may_be_bytes } = self;
        if !may_be_bytes {
            return inner.visit_map(Attached::new(object, source));
        }
        let first = object.next_key::<Key<'de>>()?;
        match first.as_ref().and_then(|key| source.attachment_at(key)) {
            None => inner.visit_map(Attached::new(Reread { first, object }, source)),
            Some(None) => Err(A::Error::custom(format_args!(
                r#"illegal placeholder, expected {{"_placeholder":true,"num":n}} with n below {}"#,
                source.attachments.len()
            ))),
            Some(Some(attachment)) => {
                object.next_value::<IgnoredAny>()?;
                while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                inner.visit_borrowed_bytes(attachment)
            }
        }
    }
}

impl<'de> Source<'de> {
    /// The attachment for which an object stands, `Some(None)` if there is no such; `None` for an ordinary object.
    fn attachment_at(&self, first_key: &Key<'de>) -> Option<Option<&'de [u8]>> {
        // A key without escapes is a part of the text, so its address tells where the object begins. It is a way to
        // look ahead without reading: once a map has been entered, serde has no way back.
        let Key::Borrowed(key @ ("_placeholder" | "num")) = first_key else { return None };
        let offset = (key.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        let quote = offset.checked_sub(1).filter(|quote| *quote < self.text.len())?;
        let number = placeholder::read(self.text, quote)?;
        Some(number.ok().and_then(|number| self.attachments.get(number)).map(|bytes| &bytes[..]))
    }
}

/// A key of an object, borrowed from the text if it can be.
#[derive(Debug)]
enum Key<'de> {
    Borrowed(&'de str),
    Owned(String),
}

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key::Borrowed(key))
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key::Owned(key.to_owned()))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// An object whose first key has been read already.
struct Reread<'de, A> {
    first: Option<Key<'de>>,
    object: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Reread<'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        match self.first.take() {
            Some(Key::Borrowed(key)) => {
                seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
            }
            Some(Key::Owned(key)) => {
                let key: StringDeserializer<A::Error> = key.into_deserializer();
                seed.deserialize(key).map(Some)
            }
            None => self.object.next_key_seed(seed),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.object.next_value_seed(seed)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Attached<'de, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Attached::new(deserializer, self.source))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Attached<'de, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_element_seed(Attached::new(seed, self.source))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Attached<'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(Attached::new(seed, self.source))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Attached<'de, A> {
    type Error = A::Error;
    type Variant = Attached<'de, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let (name, variant) = self.inner.variant_seed(seed)?;
        Ok((name, Attached::new(variant, self.source)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Attached<'de, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(Attached::new(seed, self.source))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, Attached::new(visitor, self.source))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, Attached::new(visitor, self.source))
    }
}
