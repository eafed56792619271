//! What a Socket.IO server has to do for rust_socketio; the name of each function is the claim.
//!
//! Not here: namespaces that share a connection, acknowledgements by the client, bytes beside other arguments, events
//! without arguments. This client has none of them. Its calls take numbers by chance, so they are made one by one.

use std::fmt::Debug;

use rust_socketio::Payload;
use serde_json::{Value, json};

use crate::connection::{CLOSE, ERROR, Outcome, Site};

type Scenario = fn(&Site) -> Outcome;

macro_rules! all {
    ($($name:ident)*) => { &[$((stringify!($name), $name)),*] };
}

/// Every scenario, by name.
pub(crate) const ALL: &[(&str, Scenario)] = all! {
    connects
    the_auth_payload_arrives
    a_wrong_token_is_refused
    a_right_token_is_let_in
    an_unknown_namespace_is_refused
    events_go_both_ways
    binary_goes_both_ways
    the_server_acknowledges
    rooms_get_what_is_sent_to_them
    a_broadcast_reaches_everyone
    a_broadcast_can_leave_out_its_sender
    the_server_closes_the_connection
    large_messages_pass
    too_large_messages_close_the_connection
    every_text_survives
    ten_thousand_events_stay_in_order
    the_client_comes_back
};

/// This one waits for someone who kills the server: it only runs when named.
pub(crate) const DRIVEN: &str = "the_client_comes_back";

/// Text that naive codecs break.
const TEXTS: &[&str] = &[
    "",
    "é",
    "日本語",
    "🦊👩\u{200d}👩\u{200d}👧",
    "\0",
    "\u{2028}\u{2029}",
    "\"\\/\u{8}\u{c}\n\r\t",
    "\u{1e}",
    "\u{301}",
    "{\"_placeholder\":true,\"num\":0}",
];

fn same<T: Debug + PartialEq>(found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(format!("found {found:?}, expected {expected:?}").into())
}

fn connects(site: &Site) -> Outcome {
    same(site.connect("/")?.call("echo", vec![json!(1)])?, vec![json!(1)])
}

fn the_auth_payload_arrives(site: &Site) -> Outcome {
    let auth = json!({"token": "abc", "nested": {"list": [1, "é"]}});
    same(site.open("/", Some(auth.clone()), false)?.args("auth")?, vec![auth])?;
    same(site.connect("/custom")?.args("auth")?, vec![json!({})])
}

fn a_wrong_token_is_refused(site: &Site) -> Outcome {
    for auth in [None, Some(json!({"token": "guess"}))] {
        refused(site, "/auth", auth, &json!({"message": "unauthorized", "data": {"code": 401}}))?;
    }
    Ok(())
}

fn a_right_token_is_let_in(site: &Site) -> Outcome {
    site.open("/auth", Some(json!({"token": "secret"})), false)?.joined().map(drop)
}

fn an_unknown_namespace_is_refused(site: &Site) -> Outcome {
    refused(site, "/random", None, &json!({"message": "Invalid namespace"}))
}

/// What the server says is the end of a sentence of this client's.
fn refused(site: &Site, namespace: &str, auth: Option<Value>, told: &Value) -> Outcome {
    let args = site.open(namespace, auth, false)?.args(ERROR)?;
    let [Value::String(error)] = args.as_slice() else {
        return Err(format!("an error that is no text: {args:?}").into());
    };
    let said = error.split_once("frame: ").map_or(error.as_str(), |(_, said)| said);
    same(&serde_json::from_str(said)?, told)
}

fn events_go_both_ways(site: &Site) -> Outcome {
    let mut client = site.connect("/")?;
    for args in [vec![json!(1)], vec![json!("a"), json!({"b": [null, true, 1.5]}), json!([])]] {
        client.emit("message", args.clone())?;
        same(client.args("message-back")?, args)?;
    }
    Ok(())
}

fn binary_goes_both_ways(site: &Site) -> Outcome {
    let mut client = site.connect("/")?;
    // Not none: this client takes an empty frame for the end.
    for bytes in [vec![0, 1, 254, 255], vec![7; 70_000]] {
        client.emit("message", bytes.clone())?;
        same(client.next("message-back")?, Payload::from(bytes))?;
    }
    Ok(())
}

fn the_server_acknowledges(site: &Site) -> Outcome {
    let client = site.connect("/")?;
    for args in [vec![], vec![json!(1)], vec![json!("a"), json!({"b": 2}), json!([3])]] {
        same(client.call("message-with-ack", args.clone())?, args)?;
    }
    Ok(())
}

fn rooms_get_what_is_sent_to_them(site: &Site) -> Outcome {
    let (mut inside, mut outside, sender) =
        (site.connect("/")?, site.connect("/")?, site.connect("/")?);
    let (room, event) = ("quiet \"room\" 🦊", "an event é");
    inside.emit("join", room)?;
    inside.call("echo", vec![json!("joined")])?;
    sender.emit("to-room", vec![json!(room), json!(event), json!({"a": 1})])?;
    same(inside.args(event)?, vec![json!({"a": 1})])?;
    inside.emit("leave", room)?;
    inside.call("echo", vec![json!("left")])?;
    sender.emit("to-room", vec![json!(room), json!(event), json!(2)])?;
    sender.call("echo", vec![json!("sent")])?;
    same(inside.has(event)?, false)?;
    same(outside.has(event)?, false)
}

fn a_broadcast_reaches_everyone(site: &Site) -> Outcome {
    let mut all = [site.connect("/")?, site.connect("/")?, site.connect("/")?];
    let mut stranger = site.connect("/custom")?;
    all[0].emit("broadcast", vec![json!("to all"), json!(2)])?;
    for client in &mut all {
        same(client.args("broadcast")?, vec![json!("to all"), json!(2)])?;
    }
    same(stranger.has("broadcast")?, false)
}

fn a_broadcast_can_leave_out_its_sender(site: &Site) -> Outcome {
    let (mut sender, mut other) = (site.connect("/")?, site.connect("/")?);
    sender.emit("except-me", vec![json!("news"), json!(1)])?;
    same(other.args("news")?, vec![json!(1)])?;
    same(sender.has("news")?, false)
}

fn the_server_closes_the_connection(site: &Site) -> Outcome {
    let mut client = site.connect("/")?;
    client.emit("disconnect-me", vec![json!(true)])?;
    client.next(CLOSE).map(drop)
}

fn large_messages_pass(site: &Site) -> Outcome {
    let mut client = site.connect("/")?;
    let text = json!("é".repeat(450_000));
    same(client.call("echo", vec![text.clone()])? == [text], true)?;
    // Polling writes bytes as base64, which the limit counts.
    let bytes = vec![3; if site.polls() { 700_000 } else { 900_000 }];
    client.emit("message", bytes.clone())?;
    same(client.next("message-back")? == Payload::from(bytes), true)
}

fn too_large_messages_close_the_connection(site: &Site) -> Outcome {
    for message in
        [Payload::from(vec![json!("x".repeat(1_100_000))]), Payload::from(vec![0; 1_100_000])]
    {
        let mut client = site.connect("/")?;
        // A POST is refused at once; on a WebSocket the end comes later.
        if client.emit("message", message).is_ok() {
            client.next(ERROR)?;
        }
        connects(site)?;
    }
    Ok(())
}

fn every_text_survives(site: &Site) -> Outcome {
    let client = site.connect("/")?;
    let args: Vec<Value> = TEXTS.iter().copied().map(Value::from).collect();
    same(client.call("echo", args.clone())?, args)
}

/// Those of polling are a tenth: this client makes a request of each.
fn ten_thousand_events_stay_in_order(site: &Site) -> Outcome {
    let events = if site.polls() { 1_000 } else { 10_000 };
    let mut client = site.connect("/")?;
    let mut sent = 0;
    for number in 0..events {
        while sent < events && sent < number + 50 {
            client.emit("message", vec![json!(sent)])?;
            sent += 1;
        }
        same(client.args("message-back")?, vec![json!(number)])?;
    }
    Ok(())
}

/// Whoever runs it kills the server after the first line and restarts it after the second.
#[expect(clippy::print_stdout, reason = "the two lines")]
fn the_client_comes_back(site: &Site) -> Outcome {
    let auth = json!({"again": true});
    let mut client = site.open("/", Some(auth.clone()), true)?.joined()?;
    same(client.args("auth")?, vec![auth.clone()])?;
    println!("connected");
    client.next(CLOSE)?;
    println!("disconnected: transport error");
    same(client.args("auth")?, vec![auth])?;
    same(client.call("echo", vec![json!(1)])?, vec![json!(1)])
}
