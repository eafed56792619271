//! From what became of the two links to one verdict. Pure: what was seen goes in, words come out.

use std::time::Duration;

use super::engine::{clients_of_version_3, ping_flood};
use crate::doctor::{
    found::{
        Flood, Found, Watched,
        life::{Death, Life, Role, alike, seconds},
    },
    report::{Diagnosis, Text, Verdict, text},
    target::Target,
};

/// Why links were lost. That comes before all that was seen of others, for it was seen last.
pub(super) fn judge(target: &Target, found: &Found) -> Option<Diagnosis> {
    let diagnosis = of_watched(found.watched.as_ref()?)?;
    let command = match diagnosis.verdict {
        Verdict::VersionDrop => target.command.clone().with("--eio", "3").listen(),
        _ => target.command.doctor(),
    };
    Some(diagnosis.try_with(command))
}

/// The verdict on a watch; `None` if no link was lost.
fn of_watched(watched: &Watched) -> Option<Diagnosis> {
    let pattern = pattern(watched)?;
    let last = watched.last_drop().and_then(|life| life.end.as_ref());
    let (how, word) = match last.map(Death::words) {
        Some(words) => (format!(" ({words})"), format!("（{words}）")),
        None => Default::default(),
    };
    let s = seconds;
    let interval = s(watched.interval);
    let (repeated, each) = match pattern {
        Pattern::Idle { times, .. } | Pattern::Lifetime { times, .. } => repeated(times),
        _ => Default::default(),
    };
    let (verdict, cause, fix) = match pattern {
        Pattern::Flood(flood) => return Some(ping_flood(&flood)),
        Pattern::Gone { word: why } => (
            Verdict::ServerGone,
            text!(
                "The link broke{how}, and the server takes no new one: {why}.",
                "连接断开{word}，服务器也不再接受新连接：{why}。"
            ),
            text!(
                "look why the server ended (its log, its supervisor), and start it again",
                "查明服务器为什么退出（日志、守护进程），然后重新启动"
            ),
        ),
        Pattern::Silent { role } => (
            Verdict::NoHeartbeat,
            silence(watched, role),
            text!(
                "look for a proxy that holds packets back (nginx: proxy_buffering off), a firewall that forgets connections, \
                 or a server whose event loop is blocked",
                "找一找扣住数据的代理（nginx：proxy_buffering off）、忘掉连接的防火墙，或事件循环被阻塞的服务器"
            ),
        ),
        Pattern::Version { silence } => (
            Verdict::VersionDrop,
            text!(
                "The link was cut {silence} s after our last packet{how}, which is interval + timeout ({limit} s): a server of \
                 Engine.IO 3 waits for the pings of its client, and a client of EIO=4 sends none.",
                "连接在我们最后一个包之后 {silence} 秒被切断{word}，正好是间隔加超时（{limit} 秒）：Engine.IO 3 的服务器在等客户端的 \
                 ping，而 EIO=4 的客户端不发。",
                silence = s(silence),
                limit = s(watched.limit())
            ),
            clients_of_version_3(),
        ),
        Pattern::Idle { period, .. } => (
            Verdict::IdleDrop,
            text!(
                "Only the link that sends nothing was cut, after {period} s without traffic{repeated}{how}: something ends \
                 idle connections.",
                "只有不发送的那条连接被切断，在空闲 {period} 秒之后{each}{word}：途中有设备在结束空闲的连接。",
                period = s(period)
            ),
            text!(
                "let the server ping more often than every {period} s (pingInterval, which is {interval} s now), or whatever \
                 is between wait longer (nginx: proxy_read_timeout; HAProxy: timeout tunnel; AWS: the load balancer's idle \
                 timeout)",
                "让服务器的 ping 间隔短于 {period} 秒（pingInterval，现在是 {interval} 秒），或者让中间的设备多等一会儿\
                 （nginx：proxy_read_timeout；HAProxy：timeout tunnel；AWS：负载均衡器的空闲超时）",
                period = s(period)
            ),
        ),
        Pattern::Lifetime { period, .. } => (
            Verdict::LifetimeDrop,
            text!(
                "Both links were cut at the same age, {period} s{repeated}{how}, whether they sent or not: something limits \
                 how long a connection may last.",
                "两条连接不管发不发送，都在同样的时长 {period} 秒之后被切断{each}{word}：途中有设备限制了连接的时长。",
                period = s(period)
            ),
            text!(
                "raise that limit (a proxy's longest connection, a platform's longest request, a token's life), or let clients \
                 connect again and ask for what they missed (connectionStateRecovery)",
                "提高这个限制（代理的最长连接、平台的最长请求、令牌的有效期），或者让客户端重连并补取错过的内容\
                 （connectionStateRecovery）"
            ),
        ),
        Pattern::Random { ages, was_away } => {
            let ages: Vec<_> = ages.iter().map(|age| format!("{} s", s(*age))).collect();
            let ages = ages.join(", ");
            let away = if was_away {
                text!(
                    " For a moment the server took no connections: was it restarted?",
                    "服务器有一会儿不接受连接：是不是重启了？"
                )
            } else {
                Text::default()
            };
            let cause = text!(
                "Links were cut at ages without a pattern, {ages}{how}.",
                "连接被切断时的时长没有规律：{ages}{word}。"
            );
            let fix = text!(
                "watch for longer to see a pattern (--watch 10m), and look into the server's log at these times",
                "监视得久一些，看有没有规律（--watch 10m），并查看服务器在这些时刻的日志"
            );
            (Verdict::RandomDrop, cause.then(&away), fix)
        }
    };
    Some(Diagnosis::new(verdict, cause, fix))
}

/// That the heartbeat did not come, which is the server's in version 4, and the answer to ours in version 3.
fn silence(watched: &Watched, role: Role) -> Text {
    let (interval, timeout) = (seconds(watched.interval), seconds(watched.timeout));
    let what = if watched.is_version_3 {
        text!(
            "our ping got no pong within {timeout} s",
            "我们的 ping 在 {timeout} 秒之内没有得到 pong"
        )
    } else {
        text!(
            "the ping that was announced did not come within {limit} s",
            "服务器声明的 ping 在 {limit} 秒之内没有来",
            limit = seconds(watched.limit())
        )
    };
    let (name, link) = match role {
        Role::Idle => (role.as_str(), "空闲"),
        Role::Talking => (role.as_str(), "不断发送"),
    };
    text!("On the {name} link ", "在{link}的那条连接上，").then(&what).then(&text!(
        " (interval {interval} s, timeout {timeout} s), and nobody said why: the way is dead, or something on it keeps back \
         what the server sends.",
        "（间隔 {interval} 秒，超时 {timeout} 秒），也没有人说明原因：链路已经断开，或者途中有设备扣住了服务器发出的内容。"
    ))
}

/// What the drops have in common.
#[derive(Clone, Debug, PartialEq)]
enum Pattern {
    Flood(Flood),
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
    let flood = watched.idle.iter().chain(&watched.talking).find_map(|life| match life.end {
        Some(Death::Flood(flood)) => Some(flood),
        _ => None,
    });
    if let Some(flood) = flood {
        return Some(Pattern::Flood(flood));
    }
    if let Some(word) = &watched.gone {
        return Some(Pattern::Gone { word: word.clone() });
    }
    let first = idle.first().or_else(|| talking.first())?;
    for (role, lives) in [(Role::Idle, &idle), (Role::Talking, &talking)] {
        if lives.iter().any(|life| life.end == Some(Death::NoHeartbeat)) {
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

fn mean(times: &[Duration]) -> Duration {
    let count = u32::try_from(times.len()).unwrap_or(u32::MAX).max(1);
    times.iter().sum::<Duration>() / count
}

/// In both languages.
fn repeated(times: usize) -> (String, String) {
    match times {
        0 | 1 => Default::default(),
        times => (format!(", {times} times"), format!("，共 {times} 次")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::report::Language;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// A link that the server closed at this age.
    fn cut(age: f64) -> Life {
        let end = Some(Death::Closed { code: Some(1001), reason: String::new() });
        Life { age: s(age), last_sent: s(0.0), last_heard: s(0.0), end, ..Life::default() }
    }

    /// One that lives.
    fn alive(age: f64) -> Life {
        Life { age: s(age), ..Life::default() }
    }

    fn silent(age: f64) -> Life {
        Life { end: Some(Death::NoHeartbeat), ..cut(age) }
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
        let found = of_watched(watched);
        let verdict = found.as_ref().map(|found| found.verdict);
        assert_eq!(verdict, expect.map(|(verdict, _)| verdict), "{found:?}");
        for text in expect.iter().flat_map(|(_, texts)| *texts) {
            let found = found.as_ref().unwrap();
            let cause = found.cause.in_language(Language::English);
            assert!(cause.contains(text), "{text:?} in {found:?}");
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

        // What drowns everything else.
        let flood =
            Flood { pings: 9_000, within: s(1.0), announced: Some(s(25.0)), is_read: false };
        let flooded = Life { end: Some(Death::Flood(flood)), ..cut(1.0) };
        let expect: &[&str] = &["9000 pings", "every 25 s", "none of the answers"];
        check(&watched(&[alive(1.0)], &[flooded]), Some((Verdict::PingFlood, expect)));

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
}
