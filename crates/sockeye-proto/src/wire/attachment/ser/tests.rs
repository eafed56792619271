//! Tables and properties of the writer: what serde_json writes is what it has to be.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, value::RawValue};

use super::*;

/// What is written, after something else.
fn written<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    let (mut text, mut attachments) = (b"[".to_vec(), Vec::new());
    write(value, &mut text, &mut attachments)?;
    assert_eq!(attachments, [""; 0]);
    Ok(String::from_utf8(text).unwrap().split_off(1))
}

#[track_caller] // a failure points at the row, not at this function
fn as_serde_json<T: Serialize + ?Sized>(value: &T) {
    assert_eq!(written(value).unwrap(), serde_json::to_string(value).unwrap());
}

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
struct One(&'static str);

#[derive(Serialize)]
struct Two(u8, Option<&'static str>);

#[derive(Serialize)]
struct Fields {
    a: &'static str,
    #[serde(rename = "b\"")]
    b: Two,
    #[serde(skip_serializing_if = "Option::is_none")]
    c: Option<u8>,
}

#[derive(Eq, Ord, PartialEq, PartialOrd, Serialize)]
enum Variant {
    Unit,
    One(u8),
    Two(u8, ()),
    Fields { a: u8, b: [u8; 0] },
    None {},
}

#[test]
fn every_kind_of_value_is_written_as_serde_json_does() {
    as_serde_json(&(true, -1_i8, u64::MAX, i128::MIN, 1.5_f32, 1e300, f64::NAN, '"', "a"));
    as_serde_json(&(Unit, One("x"), Two(1, None), (), [(); 0], vec![Some(1), None]));
    as_serde_json(&Fields { a: "\u{1F}/é", b: Two(2, Some("")), c: None });
    as_serde_json(&Fields { a: "", b: Two(2, None), c: Some(3) });
    let fields = Variant::Fields { a: 1, b: [] };
    as_serde_json(&[Variant::Unit, Variant::One(1), Variant::Two(1, ()), fields, Variant::None {}]);
    as_serde_json(&"a b".parse::<std::net::IpAddr>().err().map(|error| error.to_string()));
    as_serde_json(&std::net::Ipv4Addr::LOCALHOST); // by `collect_str`
}

#[test]
fn keys_are_strings_or_become_some() {
    as_serde_json(&BTreeMap::from([("a", 1), ("\n", 2)]));
    as_serde_json(&BTreeMap::from([(1, 'a'), (-2, 'b')]));
    as_serde_json(&BTreeMap::from([(true, ()), (false, ())]));
    as_serde_json(&BTreeMap::from([('c', BTreeMap::from([(Variant::Unit, "d")]))]));
    let none = BTreeMap::from([(None::<u8>, 1)]);
    let list = BTreeMap::from([([1], 1)]);
    let variant = BTreeMap::from([(Variant::One(1), 1)]);
    assert!(written(&none).is_err() && serde_json::to_string(&none).is_err());
    assert!(written(&list).is_err() && serde_json::to_string(&list).is_err());
    assert!(written(&variant).is_err() && serde_json::to_string(&variant).is_err());
}

#[test]
fn what_is_json_already_stays_as_it_is() {
    let raw = RawValue::from_string(r#"{ "a" : [1, "\u00e9"] }"#.to_owned()).unwrap();
    as_serde_json(&(1, &raw, [&raw]));
    as_serde_json(&BTreeMap::from([("raw", &raw)]));
}

#[test]
fn an_error_of_the_value_comes_out() {
    struct Fails;
    impl Serialize for Fails {
        fn serialize<S: Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
            Err(S::Error::custom("it won't"))
        }
    }
    assert_eq!(written(&vec![Fails]).unwrap_err().to_string(), "it won't");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any_text(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Short and long, with what has to be escaped at any place, and often.
fn any_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => "[ -~]{0,40}",
        1 => "[\0-\x1F\"\\\\/\x7F]{1,3}",
        1 => "\\PC{1,9}",
    ];
    prop::collection::vec(part, 0..5).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_value_is_written_as_serde_json_does(value in any_value()) {
        prop_assert_eq!(written(&value).unwrap(), serde_json::to_string(&value).unwrap());
    }
}
