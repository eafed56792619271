//! From what became of the two links to one verdict. Pure: what was seen goes in, words come out.

use std::time::Duration;

use super::{
    life::{End, Life, Role, seconds},
    watched::Watched,
};
use crate::doctor::{judge::Diagnosis, verdict::Verdict};

/// The verdict on a watch; `None` if no link was lost.
pub(crate) fn judge(watched: &Watched) -> Option<Diagnosis> {
    let pattern = pattern(watched)?;
    let last = watched.last_drop().and_then(|life| life.end.as_ref());
    let how = last.map_or_else(String::new, |end| format!(" ({})", end.words()));
    let s = seconds;
    let (verdict, cause, fix) = match pattern {
        Pattern::Gone { word } => (
            Verdict::ServerGone,
            format!("The link broke{how}, and the server takes no new one: {word}."),
            "look why the server ended (its log, its supervisor), and start it again".to_owned(),
        ),
        Pattern::Silent { role } => (
            Verdict::NoHeartbeat,
            format!(
                "On the {} link {} (interval {} s, timeout {} s), and nobody said why: the way is dead, or something on it \
                 keeps back what the server sends.",
                role.as_str(),
                if watched.is_version_3 {
                    format!("our ping got no pong within {} s", s(watched.timeout))
                } else {
                    format!("the ping that was announced did not come within {} s", s(watched.limit()))
                },
                s(watched.interval),
                s(watched.timeout),
            ),
            "look for a proxy that holds packets back (nginx: proxy_buffering off), a firewall that forgets connections, \
             or a server whose event loop is blocked"
                .to_owned(),
        ),
        Pattern::Version { silence } => (
            Verdict::VersionDrop,
            format!(
                "The link was cut {} s after our last packet{how}, which is interval + timeout ({} s): a server of \
                 Engine.IO 3 waits for the pings of its client, and a client of EIO=4 sends none.",
                s(silence),
                s(watched.limit()),
            ),
            "--eio 3 (npm: socket.io-client@2; python-socketio: version 4)".to_owned(),
        ),
        Pattern::Idle { period, times } => (
            Verdict::IdleDrop,
            format!(
                "Only the link that sends nothing was cut, after {} s without traffic{}{how}: something ends idle \
                 connections.",
                s(period),
                repeated(times),
            ),
            format!(
                "let the server ping more often than every {} s (pingInterval, which is {} s now), or whatever is between \
                 wait longer (nginx: proxy_read_timeout; HAProxy: timeout tunnel; AWS: the load balancer's idle timeout)",
                s(period),
                s(watched.interval),
            ),
        ),
        Pattern::Lifetime { period, times } => (
            Verdict::LifetimeDrop,
            format!(
                "Both links were cut at the same age, {} s{}{how}, whether they sent or not: something limits how long a \
                 connection may last.",
                s(period),
                repeated(times),
            ),
            "raise that limit (a proxy's longest connection, a platform's longest request, a token's life), or let clients \
             connect again and ask for what they missed (connectionStateRecovery)"
                .to_owned(),
        ),
        Pattern::Random { ages, was_away } => {
            let ages: Vec<_> = ages.iter().map(|age| format!("{} s", s(*age))).collect();
            let away =
                if was_away { " For a moment the server took no connections: was it restarted?" } else { "" };
            (
                Verdict::RandomDrop,
                format!("Links were cut at ages without a pattern, {}{how}.{away}", ages.join(", ")),
                "watch for longer to see a pattern (--watch 10m), and look into the server's log at these times"
                    .to_owned(),
            )
        }
    };
    Some(Diagnosis::new(verdict, cause, fix))
}

/// What the drops have in common.
#[derive(Clone, Debug, PartialEq)]
enum Pattern {
    Gone { word: String },
    Silent { role: Role },
    Version { silence: Duration },
    Idle { period: Duration, times: usize },
    Lifetime { period: Duration, times: usize },
    Random { ages: Vec<Duration>, was_away: bool },
}

fn pattern(watched: &Watched) -> Option<Pattern> {
    let dropped = |lives: &[Life]| -> Vec<Life> {
        lives.iter().filter(|life| life.end.is_some()).cloned().collect()
    };
    let (idle, talking) = (dropped(&watched.idle), dropped(&watched.talking));
    if let Some(word) = &watched.gone {
        return Some(Pattern::Gone { word: word.clone() });
    }
    let first = idle.first().or_else(|| talking.first())?;
    for (role, lives) in [(Role::Idle, &idle), (Role::Talking, &talking)] {
        if lives.iter().any(|life| life.end == Some(End::NoHeartbeat)) {
            return Some(Pattern::Silent { role });
        }
    }
    if watched.is_mismatched {
        let silence = first.age.saturating_sub(first.last_sent);
        if alike(silence, watched.limit()) {
            return Some(Pattern::Version { silence });
        }
    }
    let ages = |lives: &[Life]| lives.iter().map(|life| life.age).collect::<Vec<_>>();
    if talking.is_empty() {
        let silences: Vec<_> = idle.iter().map(Life::silence).collect();
        return Some(Pattern::Idle { period: mean(&silences), times: idle.len() });
    }
    let all = [ages(&idle), ages(&talking)].concat();
    let period = mean(&all);
    let is_lifetime = !idle.is_empty()
        && !watched.was_away
        && all.iter().all(|age| alike(*age, period))
        && ![&watched.idle, &watched.talking].iter().any(|lives| outlived(lives, period));
    if is_lifetime {
        let times = idle.len().min(talking.len());
        return Some(Pattern::Lifetime { period, times });
    }
    Some(Pattern::Random { ages: all, was_away: watched.was_away })
}

/// Whether one of these grew clearly older.
fn outlived(lives: &[Life], age: Duration) -> bool {
    lives.iter().any(|life| life.age > age && !alike(life.age, age))
}

/// Whether two times are the same, as exact as timers of servers are.
pub(super) fn alike(one: Duration, other: Duration) -> bool {
    let slack = (one.max(other) / 8).max(Duration::from_millis(300));
    one.abs_diff(other) <= slack
}

fn mean(times: &[Duration]) -> Duration {
    let count = u32::try_from(times.len()).unwrap_or(u32::MAX).max(1);
    times.iter().sum::<Duration>() / count
}

fn repeated(times: usize) -> String {
    match times {
        0 | 1 => String::new(),
        times => format!(", {times} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// A link that the server closed at this age.
    fn cut(age: f64) -> Life {
        let end = Some(End::Closed { code: Some(1001), reason: String::new() });
        Life { age: s(age), last_sent: s(0.0), last_heard: s(0.0), end, ..Life::default() }
    }

    /// One that lives.
    fn alive(age: f64) -> Life {
        Life { age: s(age), ..Life::default() }
    }

    fn silent(age: f64) -> Life {
        Life { end: Some(End::NoHeartbeat), ..cut(age) }
    }

    fn watched(idle: &[Life], talking: &[Life]) -> Watched {
        Watched {
            interval: s(2.0),
            timeout: s(1.0),
            idle: idle.to_vec(),
            talking: talking.to_vec(),
            ..Watched::default()
        }
    }

    #[track_caller] // a failure points at the row, not at this function
    fn check(watched: &Watched, expect: Option<(Verdict, &[&str])>) {
        let found = judge(watched);
        let verdict = found.as_ref().map(|found| found.verdict);
        assert_eq!(verdict, expect.map(|(verdict, _)| verdict), "{found:?}");
        for text in expect.iter().flat_map(|(_, texts)| *texts) {
            let found = found.as_ref().unwrap();
            assert!(found.cause.contains(text), "{text:?} in {found:?}");
        }
    }

    #[test]
    fn verdicts() {
        use Verdict::{
            IdleDrop as Idle, LifetimeDrop as Lifetime, NoHeartbeat, RandomDrop as Random,
            ServerGone as Gone, VersionDrop,
        };
        check(&watched(&[alive(9.0)], &[alive(9.0)]), None);
        check(&watched(&[], &[]), None);

        // Only the idle one.
        let idle = |lives: &[f64]| lives.iter().map(|age| cut(*age)).collect::<Vec<_>>();
        check(
            &watched(&[cut(4.0), alive(3.0)], &[alive(7.1)]),
            Some((Idle, &["4 s", "close code 1001"])),
        );
        check(&watched(&idle(&[4.0, 4.1]), &[alive(8.2)]), Some((Idle, &["4.05 s", "2 times"])));
        // What counts is the silence, not the age.
        let after_ping = Life { last_heard: s(2.0), ..cut(5.0) };
        check(&watched(&[after_ping], &[alive(9.0)]), Some((Idle, &["3 s without traffic"])));
        check(&watched(&idle(&[4.0]), &[alive(4.1)]), Some((Idle, &["4 s"])));

        // Both at the same age.
        check(&watched(&[cut(4.0)], &[cut(4.2)]), Some((Lifetime, &["4.1 s", "1001"])));
        check(
            &watched(&idle(&[4.0, 4.0]), &idle(&[4.1, 4.0])),
            Some((Lifetime, &["4.025 s", "2 times"])),
        );
        check(&watched(&[cut(60.0), alive(5.0)], &[cut(63.0), alive(2.0)]), Some((Lifetime, &[])));
        // But the next ones live longer.
        check(&watched(&[cut(4.0), alive(9.0)], &[cut(4.0), alive(9.0)]), Some((Random, &[])));
        // The server was away: it was restarted, and nothing is known of how long links live.
        let mut restarted = watched(&[cut(4.0), alive(1.0)], &[cut(4.0), alive(1.0)]);
        restarted.was_away = true;
        check(&restarted, Some((Random, &["restarted"])));

        // No pattern.
        check(&watched(&[cut(4.0)], &[cut(8.0)]), Some((Random, &["4 s, 8 s"])));
        check(&watched(&idle(&[4.0, 1.0]), &idle(&[4.0, 7.0])), Some((Random, &[])));
        check(&watched(&[alive(9.0)], &[cut(4.0), alive(5.0)]), Some((Random, &["4 s"])));

        // No heartbeat, whatever the other link does.
        check(
            &watched(&[silent(3.0)], &[silent(3.0)]),
            Some((NoHeartbeat, &["within 3 s", "idle"])),
        );
        check(&watched(&[alive(3.0)], &[silent(3.0)]), Some((NoHeartbeat, &["talking"])));
        check(&watched(&[silent(3.0)], &[cut(3.0)]), Some((NoHeartbeat, &[])));

        // Nobody is there any more.
        let gone = |mut watched: Watched| {
            watched.gone = Some("connection refused".to_owned());
            watched
        };
        check(&gone(watched(&[cut(4.0)], &[cut(4.0)])), Some((Gone, &["connection refused"])));
        check(&gone(watched(&[silent(4.0)], &[silent(4.0)])), Some((Gone, &[])));

        // The other version.
        let mismatched = |mut watched: Watched| {
            watched.is_mismatched = true;
            watched
        };
        check(
            &mismatched(watched(&[cut(3.1)], &[alive(3.2)])),
            Some((VersionDrop, &["3.1 s after our last packet", "interval + timeout (3 s)"])),
        );
        let sent_late = Life { last_sent: s(2.0), ..cut(5.1) };
        check(&mismatched(watched(&[sent_late], &[alive(5.2)])), Some((VersionDrop, &["3.1 s"])));
        check(&mismatched(watched(&[cut(3.0)], &[cut(3.0)])), Some((VersionDrop, &[])));
        check(&watched(&[cut(3.0)], &[cut(3.0)]), Some((Lifetime, &[])));
        // Of another length it is something else's.
        check(&mismatched(watched(&[cut(9.0)], &[cut(9.0)])), Some((Lifetime, &[])));
        check(&gone(mismatched(watched(&[cut(3.0)], &[cut(3.0)]))), Some((Gone, &[])));
    }

    #[test]
    fn times_are_alike_as_exactly_as_timers_are() {
        assert!(alike(s(1.0), s(1.3)) && !alike(s(1.0), s(1.4)));
        assert!(alike(s(60.0), s(66.0)) && !alike(s(60.0), s(70.0)));
        assert!(alike(s(0.0), s(0.2)) && !alike(s(0.0), s(0.5)));
    }
}
