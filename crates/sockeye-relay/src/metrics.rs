//! What a relay counts and measures, as Prometheus reads it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::queue::{Reason, Stats};

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The bounds of latencies, in seconds.
const BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];

/// Seconds, to fractions of one.
type Seconds = Gauge<f64, std::sync::atomic::AtomicU64>;

/// What a relay counts and measures. All names begin with `sockeye_relay_`.
///
/// Labels take few values: reasons and classes that the program knows, and names of connections from the configuration.
///
/// # Examples
///
/// ```
/// use sockeye_relay::metrics::Metrics;
///
/// let metrics = Metrics::default();
/// assert!(metrics.text().contains("sockeye_relay_claimed_total 0\n"));
/// ```
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub(crate) claimed: Counter,
    pub(crate) emitted: Counter,
    pub(crate) confirmed: Counter,
    pub(crate) deduped: Counter,
    pub(crate) fenced: Counter,
    pub(crate) held: Counter,
    pub(crate) late_replies: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) lane_blocked: Gauge,
    pub(crate) ack_latency: Histogram,
    pub(crate) end_to_end_latency: Histogram,
    retried: Family<OfClass, Counter>,
    dead: Family<OfReason, Counter>,
    reconnects: Family<OfParting, Counter>,
    connected: Family<OfTarget, Gauge>,
    last_connected_age: Family<OfTarget, Seconds>,
    backlog: Gauge,
    pel_size: Gauge,
    oldest_age: Seconds,
    spool_bytes: Gauge,
    ingress_received: Counter,
    ingress_stored: Counter,
    ingress_dropped: Counter,
    ingress_gap: Counter,
}

/// What an ingress has done since it began, and what it holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Ingress {
    /// Events that servers have sent.
    pub received: u64,
    /// Events that the spool has taken.
    pub stored: u64,
    /// Events that were dropped, whichever way.
    pub dropped: u64,
    /// Gaps.
    pub gaps: u64,
    /// Bytes in the spool.
    pub spool_bytes: u64,
}

/// Why a task is tried once more.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Class {
    /// The server said no.
    Refused,
    /// It was written, and not confirmed.
    Unknown,
    /// It was not written.
    Unwritten,
}

impl Class {
    pub(crate) const ALL: [Self; 3] = [Self::Refused, Self::Unknown, Self::Unwritten];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Unwritten => "unwritten",
        }
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfClass {
    class: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfReason {
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfParting {
    target: Arc<str>,
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfTarget {
    target: Arc<str>,
}

impl Default for Metrics {
    fn default() -> Self {
        let histogram = || Histogram::new(BUCKETS);
        let mut it = Self {
            registry: Registry::with_prefix("sockeye_relay"),
            claimed: Counter::default(),
            emitted: Counter::default(),
            confirmed: Counter::default(),
            deduped: Counter::default(),
            fenced: Counter::default(),
            held: Counter::default(),
            late_replies: Counter::default(),
            in_flight: Gauge::default(),
            lane_blocked: Gauge::default(),
            ack_latency: histogram(),
            end_to_end_latency: histogram(),
            retried: Family::default(),
            dead: Family::default(),
            reconnects: Family::default(),
            connected: Family::default(),
            last_connected_age: Family::default(),
            backlog: Gauge::default(),
            pel_size: Gauge::default(),
            oldest_age: Seconds::default(),
            spool_bytes: Gauge::default(),
            ingress_received: Counter::default(),
            ingress_stored: Counter::default(),
            ingress_dropped: Counter::default(),
            ingress_gap: Counter::default(),
        };
        it.register();
        // A series that appears only with its first event has no rate at that event.
        for class in Class::ALL {
            it.retried(class, 0);
        }
        for reason in Reason::ALL {
            it.dead(reason, 0);
        }
        it
    }
}

impl Metrics {
    fn register(&mut self) {
        let it = &mut self.registry;
        it.register("claimed", "Tasks that were claimed", self.claimed.clone());
        it.register(
            "emitted",
            "Tasks that were emitted, each attempt counted",
            self.emitted.clone(),
        );
        it.register("confirmed", "Tasks that were confirmed", self.confirmed.clone());
        it.register(
            "retried",
            "Attempts that are made again, by what became of them",
            self.retried.clone(),
        );
        it.register("dead", "Tasks laid among the dead, by reason", self.dead.clone());
        it.register("held", "Tasks that were held until somebody decides", self.held.clone());
        it.register(
            "deduped",
            "Copies that were removed without being emitted",
            self.deduped.clone(),
        );
        it.register("fenced", "Settlements that another instance came before", self.fenced.clone());
        it.register(
            "late_replies",
            "Events that answer, and answer no task that waits",
            self.late_replies.clone(),
        );
        it.register(
            "in_flight",
            "Tasks that were emitted and have no outcome",
            self.in_flight.clone(),
        );
        it.register(
            "lane_blocked",
            "Lanes in which a task waits for another",
            self.lane_blocked.clone(),
        );
        it.register("backlog", "Tasks in the queue that are not claimed", self.backlog.clone());
        it.register(
            "pel_size",
            "Tasks in the queue that are claimed, by all instances",
            self.pel_size.clone(),
        );
        it.register("connected", "Whether the namespace is joined", self.connected.clone());
        it.register("reconnects", "Connections that were lost, by reason", self.reconnects.clone());
        it.register(
            "ingress_received",
            "Events that servers have sent",
            self.ingress_received.clone(),
        );
        it.register(
            "ingress_stored",
            "Events that the spool has taken",
            self.ingress_stored.clone(),
        );
        it.register("ingress_dropped", "Events that were dropped", self.ingress_dropped.clone());
        it.register(
            "ingress_gap",
            "Times in which events may have been missed",
            self.ingress_gap.clone(),
        );
        let seconds = || Unit::Seconds;
        it.register_with_unit(
            "oldest_age",
            "How long the oldest task that is due has waited",
            seconds(),
            self.oldest_age.clone(),
        );
        it.register_with_unit(
            "ack_latency",
            "From emitting to the confirmation",
            seconds(),
            self.ack_latency.clone(),
        );
        it.register_with_unit(
            "end_to_end_latency",
            "From the queue to the confirmation",
            seconds(),
            self.end_to_end_latency.clone(),
        );
        it.register_with_unit(
            "last_connected_age",
            "Since when the namespace is not joined; 0 while it is",
            seconds(),
            self.last_connected_age.clone(),
        );
        it.register_with_unit(
            "spool",
            "What the spool holds",
            Unit::Bytes,
            self.spool_bytes.clone(),
        );
    }

    /// All of them, in the text format of OpenMetrics: [`CONTENT_TYPE`].
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }

    /// How an ingress stands.
    pub fn ingress(&self, ingress: &Ingress) {
        set(&self.ingress_received, ingress.received);
        set(&self.ingress_stored, ingress.stored);
        set(&self.ingress_dropped, ingress.dropped);
        set(&self.ingress_gap, ingress.gaps);
        self.spool_bytes.set(whole(ingress.spool_bytes));
    }

    /// How the queue stands.
    pub fn stats(&self, stats: &Stats) {
        self.backlog.set(whole(stats.ready.saturating_add(stats.delayed)));
        self.pel_size.set(whole(stats.claimed));
        self.oldest_age.set(stats.oldest.unwrap_or_default().as_secs_f64());
    }

    /// So many of this class by now.
    pub(crate) fn retried(&self, class: Class, count: u64) {
        set(&self.retried.get_or_create(&OfClass { class: class.as_str() }), count);
    }

    /// So many dead by this reason by now.
    pub(crate) fn dead(&self, reason: Reason, count: u64) {
        set(&self.dead.get_or_create(&OfReason { reason: reason.as_str() }), count);
    }

    /// So many times this connection was lost by this reason by now.
    pub(crate) fn reconnects(&self, target: &Arc<str>, reason: &'static str, count: u64) {
        let label = OfParting { target: Arc::clone(target), reason };
        set(&self.reconnects.get_or_create(&label), count);
    }

    /// Whether this connection is joined: for how long it is not.
    pub(crate) fn connected(&self, target: &Arc<str>, out_for: Option<Duration>) {
        let label = OfTarget { target: Arc::clone(target) };
        self.connected.get_or_create(&label).set(i64::from(out_for.is_none()));
        let age = out_for.unwrap_or_default().as_secs_f64();
        self.last_connected_age.get_or_create(&label).set(age);
    }
}

/// Counters that are kept elsewhere are told as they stand.
pub(crate) fn set(counter: &Counter, count: u64) {
    counter.inner().store(count, Ordering::Relaxed);
}

/// Prometheus' gauges have a sign.
pub(crate) fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_value_is_told() {
        let metrics = Metrics::default();
        set(&metrics.claimed, 1);
        set(&metrics.emitted, 2);
        set(&metrics.confirmed, 3);
        set(&metrics.deduped, 4);
        set(&metrics.fenced, 5);
        set(&metrics.held, 6);
        set(&metrics.late_replies, 7);
        metrics.in_flight.set(8);
        metrics.lane_blocked.set(9);
        metrics.ack_latency.observe(0.003);
        metrics.end_to_end_latency.observe(0.2);
        metrics.retried(Class::Refused, 10);
        metrics.retried(Class::Unknown, 11);
        metrics.dead(Reason::Poison, 12);
        let name = Arc::from("one");
        metrics.reconnects(&name, "ping timeout", 13);
        metrics.connected(&name, None);
        metrics.connected(&Arc::from("two"), Some(Duration::from_millis(1500)));
        metrics.stats(&Stats {
            ready: 14,
            delayed: 1,
            claimed: 16,
            oldest: Some(Duration::from_millis(2500)),
            ..Stats::default()
        });
        metrics.ingress(&Ingress {
            received: 17,
            stored: 18,
            dropped: 19,
            gaps: 20,
            spool_bytes: 21,
        });
        let text = metrics.text();
        let mut told: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.contains("_bucket{"))
            .map(|line| line.strip_prefix("sockeye_relay_").expect(line))
            .collect();
        told.sort_unstable();
        let mut expect = vec![
            "claimed_total 1",
            "emitted_total 2",
            "confirmed_total 3",
            "deduped_total 4",
            "fenced_total 5",
            "held_total 6",
            "late_replies_total 7",
            "in_flight 8",
            "lane_blocked 9",
            "ack_latency_seconds_sum 0.003",
            "ack_latency_seconds_count 1",
            "end_to_end_latency_seconds_sum 0.2",
            "end_to_end_latency_seconds_count 1",
            "retried_total{class=\"refused\"} 10",
            "retried_total{class=\"unknown\"} 11",
            "retried_total{class=\"unwritten\"} 0",
            "dead_total{reason=\"invalid\"} 0",
            "dead_total{reason=\"refused\"} 0",
            "dead_total{reason=\"attempts\"} 0",
            "dead_total{reason=\"expired\"} 0",
            "dead_total{reason=\"poison\"} 12",
            "dead_total{reason=\"unknown\"} 0",
            "reconnects_total{target=\"one\",reason=\"ping timeout\"} 13",
            "connected{target=\"one\"} 1",
            "connected{target=\"two\"} 0",
            "last_connected_age_seconds{target=\"one\"} 0.0",
            "last_connected_age_seconds{target=\"two\"} 1.5",
            "backlog 15",
            "pel_size 16",
            "oldest_age_seconds 2.5",
            "ingress_received_total 17",
            "ingress_stored_total 18",
            "ingress_dropped_total 19",
            "ingress_gap_total 20",
            "spool_bytes 21",
        ];
        expect.sort_unstable();
        assert_eq!(told, expect);
        assert!(text.contains("ack_latency_seconds_bucket{le=\"0.005\"} 1"), "{text}");
        assert!(text.contains("ack_latency_seconds_bucket{le=\"0.0025\"} 0"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
