//! A list in Redis that other programs push to, and that knows of its relay only by what is gone.

use serde_json::json as value;
use sockeye_testkit::RedisServer;

use super::{json, relay, start, until};
use crate::{sandbox::Sandbox, server::Running};

#[test]
fn what_others_push_is_emitted_in_its_order() {
    let Some(redis) = RedisServer::start(&[]).unwrap() else { return };
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-redis-list"));
    let queue = redis.url("list=tasks");
    redis.call(&["LPUSH", "tasks", r#"{"event":"keep","args":[1],"key":"k"}"#]).unwrap();
    redis.call(&["LPUSH", "tasks", r#"{"event":"keep","args":[2],"key":"k"}"#]).unwrap();
    let args = ["--from", "-", "--queue", &queue, "--to", &running.url];
    let mut peer = start(&sandbox, &args);
    peer.say(r#"{"event":"keep","args":[3],"key":"k"}"#).unwrap();
    let line: serde_json::Value = serde_json::from_str(&until(&mut peer, "\"line\"")).unwrap();
    assert_eq!(peer.finish().unwrap().code(), Some(0));
    assert_eq!(running.kept(), [value!(1), value!(2), value!(3)]);
    let stats = &json(&relay(&sandbox, &["stats", "--from", &queue]), 0)[0];
    assert_eq!((&stats["ready"], &stats["claimed"]), (&0.into(), &0.into()));
    // The id that was made for the line is one that its result is found by: it is known now.
    let id = line["id"].as_str().unwrap();
    let run = relay(&sandbox, &["put", "--from", &queue, "--id", id, "keep", "3"]);
    assert_eq!(json(&run, 0)[0]["state"], "known");
}
