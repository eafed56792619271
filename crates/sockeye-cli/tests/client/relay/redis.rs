//! A list in Redis that other programs push to, and that knows of its relay only by what is gone.

use serde_json::json as value;
use sockeye_testkit::RedisServer;

use super::{QUEUE, json, queue::put_lines_to, relay, start, until};
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

#[test]
fn what_is_put_is_found_by_what_is_printed() {
    let Some(redis) = RedisServer::start(&[]).unwrap() else { return };
    let sandbox = Sandbox::new("relay-redis-ids");
    for fields in ["list=tasks", "stream=events"] {
        let queue = redis.url(fields);
        let id = json(&relay(&sandbox, &["put", "--from", &queue, "chat", "hi"]), 0)[0].clone();
        let seen = json(&relay(&sandbox, &["peek", "--from", &queue]), 0);
        assert_eq!((&seen[0]["id"], &seen[0]["task"]["id"]), (&id["id"], &id["id"]));
        redis.call(&["LPUSH", "tasks", r#"{"event":"nameless"}"#]).unwrap();
    }
    let seen = json(&relay(&sandbox, &["peek", "--from", &redis.url("list=tasks")]), 0);
    assert_eq!(seen[1]["id"], value!(null), "it has none, and Redis calls it nothing");
    for (queue, is_named) in [(redis.url("list=lines").as_str(), false), (QUEUE, true)] {
        let run = put_lines_to(queue, &sandbox, "nonsense\n", &[]);
        let told = &json(&run, 2)[0];
        assert_eq!((&told["state"], told.get("id").is_some()), (&"invalid".into(), is_named));
        assert!(run.stderr.contains("(it waits, and will lie among the dead"), "{run:?}");
        assert_eq!(run.stderr.contains("among the dead as "), is_named, "{run:?}");
    }
}

#[test]
fn tasks_of_another_form_are_neither_written_nor_misnamed() {
    let Some(redis) = RedisServer::start(&[]).unwrap() else { return };
    let sandbox = Sandbox::new("relay-redis-form");
    let queue = redis.url("list=tasks");
    sandbox.write("relay.toml", "[task]\nevent = \"$.type\"\nid = \"$.nr\"\nargs = [\"$.n\"]\n");
    let with = |args: &[&str]| {
        let place = ["--config", "relay.toml", "--from", &queue];
        relay(&sandbox, &[&args[..1], &place, &args[1..]].concat())
    };
    let run = with(&["put", "chat", "hi"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("[task] in the configuration"), "{run:?}");
    assert_eq!(redis.call(&["LLEN", "tasks"]).unwrap(), "0", "nothing was put");
    redis.call(&["LPUSH", "tasks", r#"{"type":"chat","nr":17,"n":1}"#]).unwrap();
    assert_eq!(json(&with(&["peek"]), 0)[0]["id"], "17");
    // A line without an id gets none that is found in its text, and so none is printed.
    let lines = "{\"type\":\"chat\",\"n\":1}\n{\"type\":\"chat\",\"nr\":18,\"n\":1}\n";
    let told = json(&put_lines_to(&queue, &sandbox, lines, &["--config", "relay.toml"]), 0);
    assert_eq!((told[0].get("id"), &told[0]["state"]), (None, &"queued".into()));
    assert_eq!(told[1]["id"], "18");
}

#[test]
fn a_name_that_nobody_has_used_is_told_as_such() {
    let Some(redis) = RedisServer::start(&[]).unwrap() else { return };
    let sandbox = Sandbox::new("relay-redis-unused");
    for (field, commands) in [
        ("list=taks", [&["stats"][..], &["dead", "ls"], &["peek"]]),
        ("stream=taks", [&["stats"][..], &["dead", "ls"], &["peek"]]),
    ] {
        let queue = redis.url(field);
        for command in commands {
            let run = relay(&sandbox, &[command, &["--from", &queue]].concat());
            assert_eq!(run.code, Some(0), "{run:?}");
            let told = format!("nothing is at taks yet; is ?{field} right?");
            assert!(run.stderr.contains(&told), "{command:?}: {run:?}");
        }
    }
    assert_eq!(redis.call(&["KEYS", "*"]).unwrap(), "", "to look leaves nothing behind");
    let queue = redis.url("list=taks");
    assert_eq!(relay(&sandbox, &["put", "--from", &queue, "chat"]).code, Some(0));
    let run = relay(&sandbox, &["stats", "--from", &queue]);
    assert_eq!(json(&run, 0)[0]["instances"], value!([]), "who puts and looks is none");
    assert_eq!(run.stderr, "");
    let run = relay(&sandbox, &["stats", "--from", QUEUE]);
    assert_eq!(run.stderr, "", "a file is made when it is opened");
}

#[test]
fn looking_at_a_long_list_tells_how_far() {
    let Some(redis) = RedisServer::start(&[]).unwrap() else { return };
    let sandbox = Sandbox::new("relay-redis-horizon");
    let queue = redis.url("list=tasks");
    let task = r#"{"event":"keep"}"#;
    let words = [&["LPUSH", "tasks"][..], &vec![task; 10_600]].concat();
    redis.call(&words).unwrap();
    let run = relay(&sandbox, &["peek", "--from", &queue, "--skip", "9999", "--count", "10"]);
    assert_eq!(json(&run, 0).len(), 1);
    assert!(run.stderr.contains("the first 10000 of this queue alone"), "{run:?}");
    let run = relay(&sandbox, &["peek", "--from", &queue]);
    assert_eq!((json(&run, 0).len(), &*run.stderr), (20, ""));
    let run = relay(&sandbox, &["--from", &queue, "--dry-run"]);
    assert_eq!(json(&run, 0).len(), 10_000, "it ends");
}

#[test]
fn the_second_of_two_stands_by_and_says_so() {
    let Some(redis) = RedisServer::start(&[]).unwrap() else { return };
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-redis-two"));
    let queue = redis.url("list=tasks");
    let args = ["--from", &*queue, "--to", &*running.url];
    let mut first = start(&sandbox, &args);
    until(&mut first, "\"joined\"");
    redis.call(&["LPUSH", "tasks", r#"{"event":"keep","args":[1]}"#]).unwrap();
    while running.kept().is_empty() {
        std::thread::yield_now();
    }
    let mut second = start(&sandbox, &args);
    until(&mut second, "\"standing-by\"");
    super::terminal::kill(first.id(), rustix::process::Signal::TERM);
    until(&mut second, "\"claiming\"");
    redis.call(&["LPUSH", "tasks", r#"{"event":"keep","args":[2]}"#]).unwrap();
    while running.kept().len() < 2 {
        std::thread::yield_now();
    }
    super::terminal::kill(second.id(), rustix::process::Signal::TERM);
    assert_eq!(second.finish().unwrap().code(), Some(0));
}
