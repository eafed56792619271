//! The small rules, one by one.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    delivery::{Confirm, Delivery, Job, Limits, Now, OnUnknown, Outcome, Output, Policy, Retry},
    queue::{Claim, Settled, Verdict},
};

/// A machine with one target that is joined, and a clock.
struct Bench {
    delivery: Delivery,
    now: Now,
}

impl Bench {
    fn new(in_flight: usize, targets: usize) -> Self {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let now = Now { instant: Instant::now(), wall };
        let mut delivery = Delivery::new(now, Limits::new(in_flight), targets);
        delivery.joined(now, 0);
        Self { delivery, now }
    }

    fn pass(&mut self, ms: u64) {
        self.now.instant += Duration::from_millis(ms);
        self.now.wall += Duration::from_millis(ms);
        self.delivery.handle_timeout(self.now);
    }

    fn claim(&mut self, number: u128, change: impl FnOnce(&mut Job)) {
        let mut job = Job::new(Claim::new(number), 0, Arc::default());
        change(&mut job);
        self.delivery.claimed(self.now, job);
    }

    fn outcome(&mut self, number: u128, outcome: Outcome) {
        self.delivery.outcome(self.now, Claim::new(number), outcome, 1.0);
    }

    fn settled(&mut self, number: u128, settled: Settled) {
        self.delivery.settled(self.now, Claim::new(number), settled);
    }

    /// What it wants done, in short: `1 send`, `2 done`.
    fn outputs(&mut self) -> String {
        let mut words = Vec::new();
        while let Some(output) = self.delivery.poll_output(self.now) {
            words.push(match output {
                Output::Send { claim, attempt: 1, .. } => format!("{} send", claim.0),
                Output::Send { claim, attempt, .. } => format!("{} send:{attempt}", claim.0),
                Output::Forget { claim } => format!("{} forget", claim.0),
                Output::Settle(it) => format!("{} {}", it.claim.0, self.word(&it.verdict)),
            });
        }
        words.join(", ")
    }

    fn word(&self, verdict: &Verdict) -> String {
        match verdict {
            Verdict::Done { .. } => "done".into(),
            Verdict::Duplicate => "duplicate".into(),
            Verdict::Tried { attempts } => format!("tried:{attempts}"),
            Verdict::Later { due, attempts } => {
                let wait = due.duration_since(self.now.wall).unwrap_or_default().as_millis();
                format!("later:{attempts}:{wait}")
            }
            Verdict::Release => "release".into(),
            Verdict::Held(epitaph) => format!("held:{}:{}", epitaph.reason, epitaph.attempts),
            Verdict::Dead(epitaph) => format!("dead:{}:{}", epitaph.reason, epitaph.attempts),
        }
    }
}

fn policy(change: impl FnOnce(&mut Policy)) -> Arc<Policy> {
    let mut policy = Policy::default();
    change(&mut policy);
    Arc::new(policy)
}

fn error() -> String {
    "because".to_owned()
}

fn confirmed() -> Outcome {
    Outcome::Confirmed { result: None }
}

fn unwritten() -> Outcome {
    Outcome::Unwritten { error: error() }
}

fn unknown() -> Outcome {
    Outcome::Unknown { error: error() }
}

fn refused(is_retryable: bool) -> Outcome {
    Outcome::Refused { error: error(), is_retryable }
}

#[track_caller]
fn check_outcome(change: impl FnOnce(&mut Job), outcome: Outcome, expect: &str) {
    let mut bench = Bench::new(4, 1);
    bench.claim(1, change);
    assert!(bench.outputs().starts_with("1 send"));
    bench.outcome(1, outcome);
    assert_eq!(bench.outputs(), expect);
}

#[test]
fn an_outcome_means_what_its_policy_says() {
    let on_unknown = |it| policy(|policy| policy.on_unknown = it);
    check_outcome(|_| {}, confirmed(), "1 done");
    check_outcome(|_| {}, refused(false), "1 dead:refused:1");
    check_outcome(|_| {}, refused(true), "1 tried:1");
    check_outcome(|_| {}, unknown(), "1 tried:1");
    check_outcome(|it| it.policy = on_unknown(OnUnknown::Hold), unknown(), "1 held:unknown:1");
    check_outcome(|it| it.policy = on_unknown(OnUnknown::Dead), unknown(), "1 dead:unknown:1");
    check_outcome(|_| {}, Outcome::Invalid { error: error() }, "1 dead:invalid:0");
    check_outcome(|it| it.attempts = 9, refused(true), "1 dead:attempts:10");
    check_outcome(|it| it.attempts = 3, refused(true), "1 later:4:8000");
    check_outcome(
        |it| {
            it.attempts = 3;
            it.key = Some("k".into());
        },
        refused(true),
        "1 tried:4",
    );
    // No attempt is left before its deadline.
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_900);
    check_outcome(|it| it.deadline = Some(deadline), refused(true), "1 dead:expired:1");
}

#[track_caller]
fn check_claim(change: impl FnOnce(&mut Job), expect: &str) {
    let mut bench = Bench::new(4, 1);
    bench.claim(1, change);
    assert_eq!(bench.outputs(), expect);
}

#[test]
fn a_claim_is_looked_at_before_it_is_sent() {
    let at = |ms: u64| Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_000 + ms));
    check_claim(|_| {}, "1 send");
    check_claim(|it| it.attempts = 2, "1 send:3");
    check_claim(|it| it.attempts = 10, "1 dead:attempts:10");
    check_claim(|it| it.deliveries = 20, "1 send");
    check_claim(|it| it.deliveries = 21, "1 dead:poison:0");
    check_claim(|it| it.not_before = at(700), "1 later:0:700");
    check_claim(|it| it.not_before = at(0), "1 send");
    check_claim(|it| it.deadline = at(0), "1 dead:expired:0");
    check_claim(|it| it.deadline = at(1), "1 send");
    check_claim(|it| it.target = 1, "1 dead:invalid:0");
    let young = || policy(|it| it.max_age = Some(Duration::from_secs(1)));
    check_claim(
        |it| (it.policy, it.queued_at) = (young(), Some(SystemTime::UNIX_EPOCH)),
        "1 dead:expired:0",
    );
    check_claim(|it| (it.policy, it.queued_at) = (young(), at(0)), "1 send");
    check_claim(|it| it.policy = policy(|it| it.confirm = Confirm::None), "1 done");
}

#[test]
fn what_wants_no_confirmation_is_sent_once_it_is_removed() {
    let mut bench = Bench::new(4, 1);
    let none = policy(|it| it.confirm = Confirm::None);
    for number in [1, 2] {
        bench.claim(number, |it| {
            it.policy = Arc::clone(&none);
            it.key = Some("k".into());
        });
    }
    assert_eq!(bench.outputs(), "1 done");
    bench.settled(1, Settled::Stored);
    assert_eq!(bench.outputs(), "1 send");
    bench.outcome(1, unwritten());
    assert_eq!(bench.outputs(), "1 forget");
    bench.pass(10);
    assert_eq!(bench.outputs(), "2 done");
    bench.settled(2, Settled::Fenced);
    assert_eq!(bench.outputs(), "2 forget");
    assert!(bench.delivery.holds_nothing());
}

#[test]
fn a_lane_waits_for_the_store_and_for_the_delay_of_its_head() {
    let mut bench = Bench::new(4, 1);
    for number in [1, 2] {
        bench.claim(number, |it| it.key = Some("k".into()));
    }
    bench.claim(3, |_| {});
    assert_eq!(bench.outputs(), "1 send, 3 send");
    assert_eq!(bench.delivery.counts().blocked_lanes, 1);
    bench.outcome(1, refused(true));
    assert_eq!(bench.outputs(), "1 tried:1");
    bench.settled(1, Settled::Stored);
    bench.pass(999);
    assert_eq!(bench.outputs(), "");
    bench.pass(1);
    assert_eq!(bench.outputs(), "1 send:2");
    bench.outcome(1, confirmed());
    assert_eq!(bench.outputs(), "1 done");
    bench.settled(1, Settled::Stored);
    assert_eq!(bench.outputs(), "1 forget, 2 send");
}

#[test]
fn what_was_not_written_goes_back_to_its_place() {
    let mut bench = Bench::new(3, 1);
    for number in 1..=5 {
        bench.claim(number, |_| {});
    }
    assert_eq!(bench.outputs(), "1 send, 2 send, 3 send");
    bench.delivery.parted(bench.now, 0);
    for number in [3, 1, 2] {
        bench.outcome(number, unwritten());
    }
    assert_eq!(bench.outputs(), "");
    bench.delivery.joined(bench.now, 0);
    assert_eq!(bench.outputs(), "1 send, 2 send, 3 send");
}

#[test]
fn a_copy_waits_for_the_first_of_its_id() {
    for (outcome, verdict, expect) in [
        (confirmed(), "1 done", "1 forget, 2 duplicate"),
        (refused(false), "1 dead:refused:1", "1 forget, 2 send"),
    ] {
        let mut bench = Bench::new(4, 1);
        for number in [1, 2] {
            bench.claim(number, |it| it.id = Some("same".into()));
        }
        assert_eq!(bench.outputs(), "1 send");
        bench.outcome(1, outcome);
        assert_eq!(bench.outputs(), verdict);
        bench.settled(1, Settled::Stored);
        assert_eq!(bench.outputs(), expect);
    }
}

#[test]
fn nothing_is_sent_while_the_store_is_away() {
    let mut bench = Bench::new(1, 1);
    bench.claim(1, |_| {});
    bench.claim(2, |_| {});
    assert_eq!(bench.outputs(), "1 send");
    bench.outcome(1, confirmed());
    assert_eq!(bench.outputs(), "2 send, 1 done");
    bench.outcome(2, unwritten());
    bench.delivery.settle_failed(bench.now, [Claim::new(1)]);
    assert_eq!((bench.outputs().as_str(), bench.delivery.room()), ("", 0));
    bench.pass(100);
    assert_eq!(bench.outputs(), "2 send, 1 done");
}

#[test]
fn a_lost_lane_is_proven_before_it_goes_on() {
    let mut bench = Bench::new(1, 1);
    for number in 1..=3 {
        bench.claim(number, |it| it.key = Some("k".into()));
    }
    assert_eq!(bench.outputs(), "1 send");
    bench.outcome(1, confirmed());
    assert_eq!(bench.outputs(), "1 done");
    bench.settled(1, Settled::Fenced);
    assert_eq!(bench.outputs(), "1 forget, 2 tried:0");
    bench.settled(2, Settled::Fenced);
    assert_eq!(bench.outputs(), "2 forget, 3 tried:0");
    bench.settled(3, Settled::Stored);
    assert_eq!(bench.outputs(), "3 send");
}

#[test]
fn it_drains_in_order_and_can_be_hurried() {
    let mut bench = Bench::new(1, 1);
    for number in 1..=3 {
        bench.claim(number, |it| it.key = (number < 3).then(|| "k".into()));
    }
    assert_eq!(bench.outputs(), "1 send");
    bench.delivery.stop(bench.now);
    assert_eq!((bench.outputs().as_str(), bench.delivery.room()), ("2 release, 3 release", 0));
    bench.settled(2, Settled::Stored);
    bench.settled(3, Settled::Stored);
    assert_eq!(bench.outputs(), "2 forget, 3 forget");
    assert!(!bench.delivery.is_drained());
    let mut hurried = bench;
    hurried.delivery.abandon(hurried.now);
    assert!(hurried.delivery.is_drained());
    // What comes all the same is settled.
    hurried.outcome(1, refused(true));
    assert_eq!(hurried.outputs(), "1 tried:1");
    hurried.settled(1, Settled::Stored);
    assert_eq!(hurried.outputs(), "1 release");
    hurried.settled(1, Settled::Stored);
    assert_eq!(hurried.outputs(), "1 forget");
    assert!(hurried.delivery.is_drained() && hurried.delivery.holds_nothing());
}

#[test]
fn an_absent_target_leaves_half_of_the_places_to_others() {
    let mut bench = Bench::new(1, 2);
    for number in 1..=4 {
        bench.claim(number, |it| {
            it.target = 1;
            it.key = (number == 4).then(|| "k".into());
        });
    }
    // Two are half of four: the newest without a key went back.
    assert_eq!(bench.outputs(), "3 later:0:5000");
    bench.settled(3, Settled::Stored);
    assert_eq!(bench.outputs(), "3 forget");
    assert_eq!((bench.delivery.room(), bench.delivery.counts().parked), (2, 3));
    for number in 5..=70 {
        assert_eq!(bench.delivery.is_crowded(), bench.delivery.room() == 0, "{number}");
        bench.claim(number, |it| (it.target, it.key) = (1, Some("k".into())));
    }
    assert_eq!((bench.delivery.room(), bench.delivery.is_crowded()), (0, true));
    bench.delivery.fenced_all(bench.now);
    while bench.delivery.poll_output(bench.now).is_some() {}
    assert!(bench.delivery.holds_nothing());
    assert_eq!(bench.delivery.room(), 4);
}

#[test]
fn a_lane_that_waits_for_another_attempt_leaves_half_of_the_places_to_others() {
    let mut bench = Bench::new(1, 1);
    for number in 1..=4 {
        bench.claim(number, |it| it.key = Some("k".into()));
    }
    assert_eq!((bench.outputs().as_str(), bench.delivery.room()), ("1 send", 0));
    bench.outcome(1, Outcome::Refused { error: error(), is_retryable: true });
    assert_eq!(bench.outputs(), "1 tried:1");
    bench.settled(1, Settled::Stored);
    assert_eq!(bench.delivery.room(), 2);
    bench.claim(5, |it| it.key = Some("other".into()));
    assert_eq!((bench.outputs().as_str(), bench.delivery.room()), ("5 send", 0));
    bench.pass(1_000);
    bench.outcome(5, confirmed());
    assert_eq!(bench.outputs(), "1 send:2, 5 done");
    // It goes on, and they count again.
    assert_eq!(bench.delivery.room(), 0);
}

#[test]
fn a_lost_connection_costs_no_attempt_until_the_task_is_suspected() {
    let mut bench = Bench::new(1, 1);
    let strict = policy(|it| it.retry.max_attempts = 2);
    bench.claim(1, |it| it.policy = Arc::clone(&strict));
    for losses in 1..100 {
        assert_eq!(bench.outputs(), "1 send");
        bench.outcome(1, Outcome::Lost { error: error() });
        assert_eq!(bench.outputs(), "1 tried:0", "{losses}");
        bench.settled(1, Settled::Stored);
        bench.pass(60_000);
    }
    assert_eq!(bench.outputs(), "1 send");
    bench.outcome(1, Outcome::Lost { error: error() });
    assert_eq!(bench.outputs(), "1 dead:poison:0");
    // One that is not to be sent twice was tried.
    for (on_unknown, word) in [(OnUnknown::Hold, "held"), (OnUnknown::Dead, "dead")] {
        let mut bench = Bench::new(1, 1);
        bench.claim(1, |it| it.policy = policy(|it| it.on_unknown = on_unknown));
        bench.outputs();
        bench.outcome(1, Outcome::Lost { error: error() });
        assert_eq!(bench.outputs(), format!("1 {word}:unknown:1"));
    }
}

#[test]
fn large_tasks_are_claimed_a_few_at_a_time() {
    const MIB: usize = 1 << 20;
    let mut bench = Bench::new(16, 1);
    // Nobody knows yet how large they are.
    assert_eq!(bench.delivery.room(), 16);
    bench.claim(1, |it| it.bytes = 20 * MIB);
    assert_eq!(bench.delivery.room(), 2);
    bench.claim(2, |it| it.bytes = 30 * MIB);
    bench.claim(3, |it| it.bytes = 30 * MIB);
    assert_eq!(bench.delivery.room(), 0);
    assert_eq!(bench.outputs(), "1 send, 2 send, 3 send");
    for number in 1..=3 {
        bench.outcome(number, confirmed());
        bench.outputs();
        bench.settled(number, Settled::Stored);
    }
    assert_eq!(bench.delivery.room(), 2);
    // One that is larger than all that there may be is claimed alone.
    bench.claim(4, |it| it.bytes = 100 * MIB);
    assert_eq!(bench.delivery.room(), 0);
    bench.outputs();
    bench.outcome(4, confirmed());
    bench.outputs();
    bench.settled(4, Settled::Stored);
    assert_eq!(bench.delivery.room(), 1);
    for number in 5..200 {
        bench.claim(number, |it| it.bytes = 100);
        bench.outputs();
        bench.outcome(number, confirmed());
        bench.outputs();
        bench.settled(number, Settled::Stored);
    }
    assert_eq!(bench.delivery.room(), 64);
}

#[test]
fn what_expires_while_it_waits_is_settled_then() {
    let mut bench = Bench::new(1, 1);
    let deadline = bench.now.wall + Duration::from_millis(500);
    bench.claim(1, |it| it.key = Some("k".into()));
    bench.claim(2, |it| (it.key, it.deadline) = (Some("k".into()), Some(deadline)));
    assert_eq!(bench.outputs(), "1 send");
    assert_eq!(
        bench.delivery.next_deadline(),
        Some(bench.now.instant + Duration::from_millis(500))
    );
    bench.pass(499);
    assert_eq!(bench.outputs(), "");
    bench.pass(1);
    assert_eq!(bench.outputs(), "2 dead:expired:0");
    assert_eq!(bench.delivery.next_deadline(), None);
}

#[test]
fn a_target_that_takes_nothing_is_not_asked_without_end() {
    let mut bench = Bench::new(1, 1);
    bench.claim(1, |it| it.policy = policy(|it| it.retry = Retry { max_attempts: 1, ..it.retry }));
    let mut sends = 0;
    for _ in 0..1_000 {
        if bench.outputs() == "1 send" {
            sends += 1;
            bench.outcome(1, unwritten());
        }
        bench.pass(1);
    }
    assert_eq!(sends, 7);
}
