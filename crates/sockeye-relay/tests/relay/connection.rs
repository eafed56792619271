//! Connections are lost, refused and made again, and no task is.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use sockeye::{client::Delays, event::RawArgs};
use sockeye_relay::{
    config::{Config, Learn},
    delivery::{Confirm, OnUnknown, Outcome, Policy},
    queue::{NewTask, Reason},
    relay::Routes,
    target::{Judge, Judgement, Options, Reply, Standing, Step, Target},
    task::Task,
};
use sockeye_testkit::proxy::{Mode, Proxy};
use tokio::time;

use crate::world::{PATIENCE, World, policy, target};

pub(crate) async fn stands(target: &Target, is_so: impl Fn(&Standing) -> bool) -> Standing {
    let mut standing = target.standing();
    let stands = standing.wait_for(|standing| is_so(standing));
    let told = time::timeout(PATIENCE, stands).await;
    told.expect("it stands so in time").expect("it is there").clone()
}

pub(crate) fn task(event: &str, arg: u64) -> Arc<Task> {
    let list = [serde_json::value::to_raw_value(&arg).unwrap()];
    Arc::new(Task {
        id: None,
        key: None,
        namespace: None,
        event: event.into(),
        args: RawArgs::from_list(&list).unwrap(),
        not_before: None,
        deadline: None,
        confirm: None,
        max_attempts: None,
        reply_to: None,
        traceparent: None,
        whole: Default::default(),
    })
}

/// The next attempt to join is not made in the time of a test.
pub(crate) fn patient() -> Options {
    let first = Duration::from_secs(600);
    Options {
        delays: Some(Delays { first, max: first, ..Delays::default() }),
        ..Options::default()
    }
}

fn answer() -> Reply {
    Reply::new("answer", |task, args| {
        (*task.args.text() == *args[0].to_string()).then_some(Judgement::Success)
    })
}

#[tokio::test]
async fn without_a_connection_a_task_comes_back_at_once() {
    for confirm in [Confirm::Written, Confirm::Ack, Confirm::Event] {
        let world = World::new(&format!("back-{confirm:?}")).await;
        let target = target("only", &world.url, Options { reply: Some(answer()), ..patient() });
        stands(&target, Standing::is_in).await;
        world.server.of("/imchat").disconnect();
        stands(&target, |standing| !standing.is_in()).await;
        let policy = Policy { confirm_timeout: PATIENCE * 10, ..policy(confirm) };
        let outcome = time::timeout(PATIENCE, target.emit(&task("message", 1), &policy)).await;
        assert!(matches!(outcome, Ok(Outcome::Unwritten { .. })), "{confirm:?}: {outcome:?}");
        assert_eq!(world.ledger.seen(), Vec::<Value>::new());
        assert_eq!(
            target.partings().into_iter().collect::<Vec<_>>(),
            [("server namespace disconnect", 1)]
        );
    }
}

#[tokio::test]
async fn what_has_left_the_queue_waits_for_the_next_connection() {
    let world = World::new("left").await;
    let target = target("only", &world.url, Options::default());
    stands(&target, Standing::is_in).await;
    world.server.of("/imchat").disconnect();
    stands(&target, |standing| !standing.is_in()).await;
    let sending = target.emit(&task("message", 1), &policy(Confirm::None));
    let outcome = time::timeout(PATIENCE, sending).await.unwrap();
    assert!(matches!(outcome, Outcome::Confirmed { result: None }), "{outcome:?}");
    world.ledger.reach(1).await;
}

#[tokio::test]
async fn tasks_survive_a_link_that_is_cut() {
    const TASKS: u64 = 400;
    let world = World::new("cut").await;
    let proxy = Proxy::start(&world.url);
    let url = format!("{}/imchat", proxy.url());
    let target = target("only", &url, Options::default());
    let policy = Policy { on_unknown: OnUnknown::Retry, ..policy(Confirm::Ack) };
    let relay = world.built(policy, vec![Arc::clone(&target)], Routes::single());
    let (metrics, relay) = (relay.metrics(), (relay.control(), tokio::spawn(relay.run())));
    for part in 0..4 {
        let numbers = part * TASKS / 4..(part + 1) * TASKS / 4;
        world
            .put(numbers.map(|n| ("message", [None, Some("a"), Some("b")][n as usize % 3], n)))
            .await;
        world.ledger.reach((part * TASKS / 4) as usize + 20).await;
        let times = target.standing().borrow().times();
        proxy.cut();
        stands(&target, |standing| standing.is_in() && standing.times() > times).await;
    }
    world.until(|stats| stats.claimed + stats.ready + stats.delayed == 0).await;
    let ended = World::end(relay).await;
    assert_eq!((ended.counts.confirmed, ended.counts.dead), (TASKS, [0; 6]));
    let seen: Vec<u64> = world.ledger.seen().iter().filter_map(Value::as_u64).collect();
    for lane in 1..3 {
        let mut of_lane: Vec<_> = seen.iter().copied().filter(|n| n % 3 == lane).collect();
        of_lane.dedup(); // a copy comes right behind: its lane waits for it
        assert_eq!(of_lane, (0..TASKS).filter(|n| n % 3 == lane).collect::<Vec<_>>());
    }
    let mut all = seen.clone();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all, (0..TASKS).collect::<Vec<_>>());
    assert!(seen.len() as u64 - TASKS <= ended.counts.unknown, "only those in doubt are doubled");
    let text = metrics.text();
    let told = |line: &str| assert!(text.contains(line), "{line}: {text}");
    told(&format!("sockeye_relay_claimed_total {}\n", ended.counts.claimed));
    told(&format!("sockeye_relay_emitted_total {}\n", ended.counts.emitted));
    told(&format!("sockeye_relay_confirmed_total {TASKS}\n"));
    told(&format!("sockeye_relay_ack_latency_seconds_count {TASKS}\n"));
    told(&format!("sockeye_relay_end_to_end_latency_seconds_count {TASKS}\n"));
    told(&format!("sockeye_relay_retried_total{{class=\"unknown\"}} {}\n", ended.counts.unknown));
    assert_eq!(target.partings().values().sum::<u64>(), 4, "{:?}", target.partings());
    told("sockeye_relay_in_flight 0\n");
}

#[tokio::test]
async fn nothing_is_claimed_while_the_server_cannot_be_reached() {
    let world = World::new("away").await;
    let proxy = Proxy::start(&world.url);
    proxy.set(Mode::Refuse);
    world.put([("message", None, 1)]).await;
    let target = target("only", &format!("{}/imchat", proxy.url()), Options::default());
    let relay = world.built(policy(Confirm::Ack), vec![target], Routes::single());
    let relay = (relay.control(), tokio::spawn(relay.run()));
    time::timeout(PATIENCE, proxy.accepted(3)).await.unwrap();
    assert_eq!(world.stats().await.ready, 1);
    let status = relay.0.status().borrow().clone();
    assert!(!status.is_ready(), "{status:?}");
    assert_eq!(status.counts.claimed, 0);
    proxy.set(Mode::Pass);
    world.ledger.reach(1).await;
    let mut status = relay.0.status();
    let ready = status.wait_for(|status| status.is_ready() && status.counts.confirmed == 1);
    time::timeout(PATIENCE, ready).await.unwrap().unwrap();
    drop(status);
    World::end(relay).await;
}

#[tokio::test]
async fn a_script_goes_first_and_is_tried_until_it_succeeds() {
    let world = World::new("script").await;
    world.ledger.refusals.store(2, Ordering::SeqCst);
    world.put([("message", None, 1)]).await;
    let list = [serde_json::value::to_raw_value("me").unwrap()];
    let step = |judge| Step {
        event: "login".to_owned(),
        args: RawArgs::from_list(&list).unwrap(),
        ack_within: Some(PATIENCE),
        judge,
    };
    // An ack that says what was sent is what the second step expects.
    let judge = Judge::new(|_, args| match &*args[0].to_string() {
        "\"me\"" => Judgement::Success,
        _ => Judgement::Permanent,
    });
    let script = vec![step(None), step(Some(judge))];
    let relay = world.relay(policy(Confirm::Ack), Options { script, ..Options::default() });
    world.until(|stats| stats.claimed + stats.ready == 0).await;
    let ended = World::end(relay).await;
    assert_eq!(ended.counts.emitted, 1);
    let me = json!("me");
    assert_eq!(world.ledger.seen(), [me.clone(), me.clone(), me.clone(), me, json!(1)]);
}

#[tokio::test]
async fn why_a_script_failed_is_told() {
    let world = World::new("script-fails").await;
    world.ledger.refusals.store(u64::MAX, Ordering::SeqCst);
    let script = vec![Step {
        event: "login".to_owned(),
        args: RawArgs::from_list::<u64>(&[]).unwrap(),
        ack_within: Some(PATIENCE),
        judge: None,
    }];
    let target = target("only", &world.url, Options { script, ..Options::default() });
    let standing = stands(&target, |standing| match standing {
        Standing::Out { because, .. } => because.contains("on_connect"),
        Standing::In { .. } => true,
    });
    let standing = standing.await;
    assert!(!standing.is_in() && format!("{standing:?}").contains("not now"), "{standing:?}");
}

#[tokio::test]
async fn keys_choose_the_connection() {
    let (world, second) = (World::new("keys").await, World::new("keys-second").await);
    let targets = vec![
        target("first", &world.url, Options::default()),
        target("second", &second.url, Options::default()),
    ];
    let routes = Routes::default().key("b-*", 1).otherwise(0);
    world
        .put((0..40).map(|n| ("message", [None, Some("b-1"), Some("a")][n as usize % 3], n)))
        .await;
    let relay = world.built(policy(Confirm::Ack), targets, routes);
    let relay = (relay.control(), tokio::spawn(relay.run()));
    world.until(|stats| stats.claimed + stats.ready + stats.delayed == 0).await;
    World::end(relay).await;
    let numbers = |rest: fn(u64) -> bool| {
        (0..40).filter(|n| rest(n % 3)).map(|n| json!(n)).collect::<Vec<_>>()
    };
    let mut seen = world.ledger.seen();
    seen.sort_by_key(Value::as_u64);
    assert_eq!(seen, numbers(|rest| rest != 1));
    assert_eq!(second.ledger.seen(), numbers(|rest| rest == 1));
}

#[tokio::test]
async fn a_task_may_name_another_namespace() {
    let world = World::new("namespaces").await;
    let body = |namespace: &str| NewTask {
        body: json!({"event": "message", "nsp": namespace, "args": [namespace]}).to_string().into(),
        ..NewTask::default()
    };
    world.queue.put(vec![body("/other"), body("/imchat"), body("/nowhere")]).await.unwrap();
    let relay = world.relay(policy(Confirm::Ack), Options::default());
    world.until(|stats| stats.claimed + stats.ready + stats.delayed == 0).await;
    World::end(relay).await;
    let mut seen = world.ledger.seen();
    seen.sort_by_key(|value| value.to_string());
    assert_eq!(seen, [json!("/imchat"), json!("/other")]);
    let dead = world.queue.dead(0, 10).await.unwrap();
    let epitaph = dead[0].epitaph.as_ref().unwrap();
    assert_eq!((dead.len(), epitaph.reason, epitaph.attempts), (1, Reason::Attempts, 3));
    assert!(epitaph.error.contains("/nowhere"), "{epitaph:?}");
}

#[tokio::test]
async fn namespaces_that_are_not_there_take_no_place() {
    let world = World::new("bogus").await;
    let target = target("only", &world.url, Options::default());
    stands(&target, Standing::is_in).await;
    let named = |namespace: String| {
        let mut task = task("message", 1);
        Arc::get_mut(&mut task).unwrap().namespace = Some(namespace.into());
        task
    };
    for number in 0..100 {
        let outcome = target.emit(&named(format!("/bogus{number}")), &policy(Confirm::Ack)).await;
        assert!(matches!(outcome, Outcome::Refused { .. }), "{number}: {outcome:?}");
    }
    let outcome = target.emit(&named("/other".to_owned()), &policy(Confirm::Ack)).await;
    assert!(matches!(outcome, Outcome::Confirmed { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_reply_is_for_the_oldest_that_waits_and_a_late_one_is_counted() {
    let world = World::new("replies").await;
    let any = Reply::new("answer", |task, args| match (task.args.text(), &*args[0].to_string()) {
        ("9", text) if text != "9" => None,
        (_, "0") => Some(Judgement::Permanent),
        _ => Some(Judgement::Success),
    });
    let target = target("only", &world.url, Options { reply: Some(any), ..Options::default() });
    stands(&target, Standing::is_in).await;
    let policy = Policy { confirm_timeout: PATIENCE, ..policy(Confirm::Event) };
    let (first, second) = (task("message", 1), task("message", 2));
    let (first, second) = (target.emit(&first, &policy), target.emit(&second, &policy));
    world.ledger.reach(2).await;
    for answer in [7, 0, 8] {
        world.server.of("/imchat").emit("answer", (answer,)).unwrap();
    }
    let first = time::timeout(PATIENCE, first).await.unwrap();
    assert!(
        matches!(&first, Outcome::Confirmed { result: Some(text) } if text == "[7]"),
        "{first:?}"
    );
    let second = time::timeout(PATIENCE, second).await.unwrap();
    assert!(matches!(second, Outcome::Refused { is_retryable: false, .. }), "{second:?}");
    // Events come in order: when this one is answered, the one before has been seen.
    let third = target.emit(&task("question", 9), &policy);
    time::timeout(PATIENCE, third).await.unwrap();
    assert_eq!(target.late_replies(), 1);
}

#[tokio::test]
async fn an_event_answers_a_task_whose_id_is_mapped() {
    let world = World::new("mapped").await;
    let text = format!(
        r#"
        to = {{ url = "{}", proxy = "none" }}
        delivery.confirm = "event"
        delivery.reply = {{ event = "answer", where = "$[0].reqId == task.id" }}
        delivery.success = "$[0].ok"
        [task]
        event = "$.type"
        id = "$.data.reqId"
        args = ["$.n"]
        "#,
        world.url
    );
    let config = Config::read(&text, "relay.toml").unwrap();
    let learn: Learn = Arc::new(|_| {});
    let target = config.targets(None, &learn).unwrap().remove(0);
    stands(&target, Standing::is_in).await;
    let body = br#"{"type":"message","n":1,"id":"theirs","data":{"reqId":"r7"}}"#;
    let read = |body: &'static [u8]| {
        let (task, policy) = config.settings().unwrap().reader.read(&body.into()).unwrap();
        (Arc::new(task), policy)
    };
    let (task, policy) = read(body);
    let sending = target.emit(&task, &policy);
    // Its producer writes a text, and this server a number.
    let (other, _) = read(br#"{"type":"message","n":2,"data":{"reqId":"8"}}"#);
    let other = target.emit(&other, &policy);
    world.ledger.reach(2).await;
    for answer in [json!({"reqId": 8, "ok": false}), json!({"reqId": "r7", "ok": 1})] {
        world.server.of("/imchat").emit("answer", (answer,)).unwrap();
    }
    let outcome = time::timeout(PATIENCE, sending).await.unwrap();
    assert!(matches!(&outcome, Outcome::Confirmed { .. }), "{outcome:?}");
    let outcome = time::timeout(PATIENCE, other).await.unwrap();
    assert!(matches!(&outcome, Outcome::Refused { .. }), "{outcome:?}");
}

#[tokio::test]
async fn draining_waits_for_what_was_sent() {
    let world = World::new("drain").await;
    world.put([("message", None, 5)]).await;
    let policy = Policy { confirm_timeout: PATIENCE, ..policy(Confirm::Event) };
    let relay = world.relay(policy, Options { reply: Some(answer()), ..Options::default() });
    world.ledger.reach(1).await;
    relay.0.stop();
    let mut status = relay.0.status();
    let stopping = status.wait_for(|status| status.is_stopping);
    time::timeout(PATIENCE, stopping).await.unwrap().unwrap();
    world.put([("message", None, 6)]).await; // nothing is claimed any more
    world.server.of("/imchat").emit("answer", (5,)).unwrap();
    let ended = time::timeout(PATIENCE, relay.1).await.unwrap().unwrap();
    assert_eq!((ended.counts.confirmed, ended.unknown), (1, 0));
    let stats = world.stats().await;
    assert_eq!((stats.ready, stats.claimed), (1, 0));
}
