//! Whether a type is a list of arguments (a tuple) or one argument: serde is asked, and stopped at its first word.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
    forward_to_deserialize_any,
    ser::{self, Impossible},
};

/// How a type's value stands in an array of arguments.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// A tuple: as many arguments as it has elements. `()` has none.
    Arguments { len: usize },
    /// Anything else: one argument.
    Argument,
}

impl Shape {
    /// The shape that a type wants to be read from.
    pub(super) fn of_deserialize<'de, T: Deserialize<'de>>() -> Self {
        match T::deserialize(Probe) {
            Err(Answer(shape)) => shape,
            Ok(_) => Self::Argument, // a type that never asks for input
        }
    }

    /// The shape that a value is written in.
    pub(super) fn of_serialize<T: Serialize + ?Sized>(value: &T) -> Self {
        match value.serialize(Probe) {
            Ok(shape) | Err(Answer(shape)) => shape,
        }
    }
}

/// A serializer and deserializer that only learns what it is first asked for.
struct Probe;

/// The first thing that [`Probe`] was asked for, as an error, since only that stops serde.
#[derive(Debug)]
struct Answer(Shape);

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Answer {}

// A type that fails on its own before asking for anything fails again when it is really read.
impl de::Error for Answer {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(Shape::Argument)
    }
}

impl ser::Error for Answer {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(Shape::Argument)
    }
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Answer;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Answer> {
        Err(Answer(Shape::Argument))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, _: V) -> Result<V::Value, Answer> {
        Err(Answer(Shape::Arguments { len }))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Answer> {
        Err(Answer(Shape::Arguments { len: 0 }))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit_struct
        newtype_struct seq tuple_struct map struct enum identifier ignored_any
    }
}

/// Answers that a value of any of these types is one argument.
macro_rules! one_argument {
    ($($method:ident($type:ty))*) => {
        $(fn $method(self, _: $type) -> Result<Shape, Answer> { Ok(Shape::Argument) })*
    };
}

impl Serializer for Probe {
    type Ok = Shape;
    type Error = Answer;
    type SerializeSeq = Impossible<Shape, Answer>;
    type SerializeTuple = Impossible<Shape, Answer>;
    type SerializeTupleStruct = Impossible<Shape, Answer>;
    type SerializeTupleVariant = Impossible<Shape, Answer>;
    type SerializeMap = Impossible<Shape, Answer>;
    type SerializeStruct = Impossible<Shape, Answer>;
    type SerializeStructVariant = Impossible<Shape, Answer>;

    one_argument! {
        serialize_bool(bool) serialize_char(char) serialize_str(&str) serialize_bytes(&[u8])
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
        serialize_f32(f32) serialize_f64(f64) serialize_unit_struct(&'static str)
    }

    fn serialize_unit(self) -> Result<Shape, Answer> {
        Ok(Shape::Arguments { len: 0 })
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, Answer> {
        Err(Answer(Shape::Arguments { len }))
    }

    fn serialize_none(self) -> Result<Shape, Answer> {
        Ok(Shape::Argument)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Shape, Answer> {
        Ok(Shape::Argument)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
    ) -> Result<Shape, Answer> {
        Ok(Shape::Argument)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<Shape, Answer> {
        Ok(Shape::Argument)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Shape, Answer> {
        Ok(Shape::Argument)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Answer> {
        Err(Answer(Shape::Argument))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Answer> {
        Err(Answer(Shape::Argument))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Answer> {
        Err(Answer(Shape::Argument))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Answer> {
        Err(Answer(Shape::Argument))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Answer> {
        Err(Answer(Shape::Argument))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Answer> {
        Err(Answer(Shape::Argument))
    }
}
