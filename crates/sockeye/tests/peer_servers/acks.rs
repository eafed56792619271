//! Acks: asked for and given, with all kinds of arguments, and missed.

use bytes::Bytes;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sockeye::{
    client::CallErrorKind,
    event::{Ack, Args, RawArgs},
};
use tokio::time::Duration;

use super::ground::{Ground, call, next, soon};

pub(crate) async fn of_any_number(ground: Ground) {
    let client = ground.connect("/imchat").await;
    let answer: RawArgs = call(&client, "echo", ()).await;
    assert_eq!(answer.text(), "");
    let answer: RawArgs = call(&client, "echo", ("one",)).await;
    assert_eq!(answer.text(), r#""one""#);
    let Args(answer): Args<(u8, Option<u8>, bool, String)> =
        call(&client, "echo", (1, (), true, "é🦊\u{2028}\"\\")).await;
    assert_eq!(answer, (1, None, true, "é🦊\u{2028}\"\\".to_owned()));
    soon(client.close()).await;
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Parcel {
    label: String,
    content: Bytes,
    inside: Vec<Self>,
}

pub(crate) async fn with_bytes_both_ways(ground: Ground) {
    let client = ground.connect("").await;
    let all: Vec<u8> = (0..=255).collect();
    let bytes: Bytes = call(&client, "echo", (Bytes::from(all.clone()),)).await;
    assert_eq!(bytes, all);
    let parcel = |content: &'static [u8], inside| Parcel {
        label: "é".to_owned(),
        content: Bytes::from_static(content),
        inside,
    };
    let nested = parcel(b"outer", vec![parcel(b"\x00\xFF", vec![]), parcel(b"", vec![])]);
    let Args((one, two)): Args<(Parcel, Bytes)> =
        call(&client, "echo", (&nested, Bytes::from_static(b"second"))).await;
    assert_eq!((one, &two[..]), (nested, &b"second"[..]));
    client.emit("say", (Bytes::from_static(b"said"), 5)).unwrap();
    let said = soon(client.next("said")).await.unwrap();
    assert_eq!(said.args.parse::<(Bytes, u8)>().unwrap(), (Bytes::from_static(b"said"), 5));
    soon(client.close()).await;
}

pub(crate) async fn with_nested_values(ground: Ground) {
    let client = ground.connect("/imchat").await;
    let value = json!({
        "list": [1, -2.5, null, true, "text", [], {}],
        "deep": {"deep": {"deep": [[[["down here"]]]]}},
        "ключ": "значение", "quote\"": "line\nbreak", "number": 9_007_199_254_740_991_u64,
    });
    let Args((first, second)): Args<(Value, Value)> =
        call(&client, "echo", (&value, json!([value]))).await;
    assert_eq!(second, json!([first]));
    assert_eq!(first, value);
    soon(client.close()).await;
}

pub(crate) async fn two_hundred_at_a_time(ground: Ground) {
    let client = ground.connect("").await;
    let answers = join_all((0..200).map(|n| call::<u32>(&client, "echo", (n,)))).await;
    assert_eq!(answers, (0..200).collect::<Vec<_>>());
    soon(client.close()).await;
}

pub(crate) async fn that_we_give(ground: Ground) {
    async fn question(args: RawArgs) -> Ack<RawArgs> {
        Ack(args)
    }
    let builder = ground.client("/imchat").on("question", question);
    let client = soon(builder.connect()).await.unwrap();
    ground.arrived(&client).await;
    for args in [r#""why",1"#, "", r#"{"a":[null]}"#] {
        let values: Vec<Value> = serde_json::from_str(&format!("[{args}]")).unwrap();
        match &values[..] {
            [] => client.emit("ask", ()),
            [one] => client.emit("ask", (one,)),
            [one, two, ..] => client.emit("ask", (one, two)),
        }
        .unwrap();
        assert_eq!(next(&client, "answered").await, args);
    }
    client.emit("ask", (Bytes::from_static(b"\x01\x02"),)).unwrap();
    let answered = soon(client.next("answered")).await.unwrap();
    assert_eq!(answered.args.parse::<(Bytes,)>().unwrap().0, b"\x01\x02"[..]);
    soon(client.close()).await;
}

pub(crate) async fn that_never_come(ground: Ground) {
    let client = ground.connect("").await;
    let brief = Duration::from_millis(50);
    let error = client.call::<()>("ignore", (1,)).timeout(brief).await.unwrap_err();
    assert!(matches!(error.kind, CallErrorKind::Timeout { written: true, .. }), "{error}");
    assert_eq!(call::<u8>(&client, "echo", (1,)).await, 1);
    assert!(client.is_connected());
    soon(client.close()).await;
}
