//! Verdicts on Engine.IO: its version, its transports, and whether a session stays with one server.

use sockeye_proto::wire::engine::Version;

use super::front::answers;
use crate::{
    doctor::{
        found::{Broken, Flood, Found, Front, Raw, Reception, Said, Upgrade},
        report::{Diagnosis, Text, Verdict, text},
        target::Target,
    },
    reach::{Eio, Transports},
};

/// More pings than anybody can answer: whatever else there is, it drowns in them.
pub(super) fn flood(target: &Target, found: &Found) -> Option<Diagnosis> {
    found.flood.as_ref().map(|flood| ping_flood(flood).try_with(target.command.doctor()))
}

/// The verdict on a flood, wherever it was seen.
pub(crate) fn ping_flood(flood: &Flood) -> Diagnosis {
    let Flood { pings, within, announced, is_read } = flood;
    let within = format!("{:.1}", within.as_secs_f64());
    let (every, each) = match announced.map(|every| every.as_secs_f64()) {
        Some(s) => {
            (format!(", and announced one every {s} s"), format!("，而它声明的间隔是 {s} 秒"))
        }
        None => Default::default(),
    };
    let (reads, read) = if *is_read {
        ("", "")
    } else {
        ("; it reads none of the answers", "；它也不读我们的回答")
    };
    Diagnosis::new(
        Verdict::PingFlood,
        text!(
            "The server sent {pings} pings within {within} s{every}: faster than anybody can answer{reads}.",
            "服务器在 {within} 秒内发来 {pings} 个 ping{each}：谁也来不及回答{read}。"
        ),
        text!(
            "look for the loop in the server, or in what stands in front of it, that pings without waiting, and for the unit \
             of its interval (npm and netty: pingInterval in milliseconds; python-socketio: ping_interval in seconds)",
            "在服务器或它前面的代理里，找出那个不等待就发 ping 的循环，并核对间隔的单位（npm 和 netty 的 pingInterval 是毫秒，\
             python-socketio 的 ping_interval 是秒）"
        ),
    )
}

/// What keeps a session from beginning, or from going on.
pub(super) fn blocking(target: &Target, found: &Found) -> Option<Diagnosis> {
    let all = found.polling.answers().chain(found.websocket.answers());
    let broken = all.into_iter().find_map(|answer| match answer {
        Reception::Broken(_, broken) => Some(broken),
        _ => None,
    });
    if let Some(broken) = broken {
        return Some(broken_handshake(target, broken));
    }
    let speaks = |version| found.polling.speaks(version) || found.websocket.speaks(version);
    match target.eio {
        Eio::V4 if !speaks(Version::V4) && speaks(Version::V3) => {
            return Some(version_3(target, found));
        }
        Eio::V3 if !speaks(Version::V3) && speaks(Version::V4) => return Some(version_4(target)),
        _ => {}
    }
    let (polling, websocket) = (open(target, found).0, open(target, found).1);
    if !polling && !websocket {
        return refused(target, found);
    }
    if found.lost_session && target.transports != Transports::WebSocket {
        return Some(no_sticky_sessions(target));
    }
    if target.transports == Transports::WebSocket && !websocket {
        return without_websocket(target, found)
            .filter(|diagnosis| diagnosis.verdict == Verdict::WebSocketBlocked);
    }
    None
}

/// What is not as it should be, although a client gets through.
pub(super) fn remarks(target: &Target, found: &Found) -> Vec<Diagnosis> {
    let (polling, websocket) = open(target, found);
    let mut remarks = Vec::new();
    if websocket && !polling && target.transports != Transports::WebSocket {
        remarks.extend(without_polling(target, found));
    }
    if polling && target.transports != Transports::Polling {
        remarks.extend(without_websocket(target, found));
    }
    remarks
}

/// The warning that a server is old, where any version will do.
pub(super) fn old_version(target: &Target, found: &Found) -> Option<Diagnosis> {
    let speaks = |version| found.polling.speaks(version) || found.websocket.speaks(version);
    let is_old = target.eio == Eio::Auto && speaks(Version::V3) && !speaks(Version::V4);
    is_old.then(|| {
        let cause = text!(
            "The server speaks Engine.IO 3 (Socket.IO 1 and 2, netty-socketio up to 1.7.25). sockeye finds that out by \
             itself; most clients speak one version alone, and one of EIO=4 gets nowhere by polling, and by WebSocket is cut \
             after {after} s.",
            "服务器使用 Engine.IO 3（Socket.IO 1 和 2，netty-socketio 1.7.25 及更早）。sockeye 会自动识别，但多数客户端只会一种版本：\
             EIO=4 的客户端用轮询连不上，用 WebSocket 会在 {after} 秒后被断开。",
            after = patience(found)
        );
        Diagnosis::new(Verdict::Eio3Server, cause, clients_of_version_3())
    })
}

/// The clients of each language that speak with a server of version 3.
pub(crate) fn clients_of_version_3() -> Text {
    text!(
        "sockeye and Rust: leave out --eio, or --eio 3\n\
         npm: npm install socket.io-client@2\n\
         Python: pip install \"python-socketio[client]<5\" \"python-engineio<4\"\n\
         Python, asyncio: pip install \"python-socketio[asyncio_client]<5\" \"python-engineio<4\"\n\
         Java: io.socket:socket.io-client:1.0.2",
        "sockeye 和 Rust：不写 --eio，或用 --eio 3\n\
         npm：npm install socket.io-client@2\n\
         Python：pip install \"python-socketio[client]<5\" \"python-engineio<4\"\n\
         Python asyncio：pip install \"python-socketio[asyncio_client]<5\" \"python-engineio<4\"\n\
         Java：io.socket:socket.io-client:1.0.2"
    )
}

/// How many seconds a server of version 3 waits for a ping.
fn patience(found: &Found) -> f64 {
    let opened = found.polling.opened().or_else(|| found.websocket.opened());
    opened.map_or(0.0, |opened| {
        let handshake = &opened.handshake;
        handshake.ping_interval.saturating_add(handshake.ping_timeout).as_secs_f64()
    })
}

fn broken_handshake(target: &Target, broken: &Broken) -> Diagnosis {
    let error = &broken.error;
    Diagnosis::new(
        Verdict::BrokenHandshake,
        text!(
            "The server opens a session of Engine.IO, but its handshake can't be used: {error}.",
            "服务器打开了 Engine.IO 会话，但它的握手数据无法使用：{error}。"
        ),
        text!(
            "correct what the server, or whatever rewrites its answers on the way, puts there: \
             {{\"sid\":\"…\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000}}",
            "改正服务器（或途中改写应答的东西）写进握手的内容，应为：\
             {{\"sid\":\"…\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000}}"
        ),
    )
    .try_with(target.command.doctor())
}

/// Whether there was a session of use on polling, and on a WebSocket.
fn open(target: &Target, found: &Found) -> (bool, bool) {
    let is_of_use =
        |answer: &Reception| answer.opened().is_some_and(|opened| target.may_speak(opened.version));
    (found.polling.answers().any(is_of_use), found.websocket.answers().any(is_of_use))
}

fn version_3(target: &Target, found: &Found) -> Diagnosis {
    Diagnosis::new(
        Verdict::Eio3Server,
        text!(
            "The server speaks Engine.IO 3 (Socket.IO 1 and 2, netty-socketio up to 1.7.25): a client of EIO=4 gets \
             nowhere by polling, and by WebSocket it is cut after pingInterval + pingTimeout = {after} s.",
            "服务器使用 Engine.IO 3（Socket.IO 1 和 2，netty-socketio 1.7.25 及更早）：EIO=4 的客户端用轮询连不上，\
             用 WebSocket 会在 pingInterval + pingTimeout = {after} 秒后被断开。",
            after = patience(found)
        ),
        clients_of_version_3(),
    )
    .try_with(target.command.clone().with("--eio", "3").listen())
}

fn version_4(target: &Target) -> Diagnosis {
    Diagnosis::new(
        Verdict::Eio4OnlyServer,
        text!(
            "The server speaks Engine.IO 4 alone (Socket.IO 3 and newer), and a client of EIO=3 is refused.",
            "服务器只支持 Engine.IO 4（Socket.IO 3 及更新），EIO=3 的客户端会被拒绝。"
        ),
        text!(
            "--eio 4 (npm: socket.io-client@4; python-socketio: version 5), or let the server take old clients: allowEIO3: \
             true (npm 3 and 4)",
            "--eio 4（npm：socket.io-client@4；python-socketio：版本 5），或者让服务器放行旧客户端：allowEIO3: true（npm 3 和 4）"
        ),
    )
    .try_with(target.command.clone().with("--eio", "4").listen())
}

/// Engine.IO is there, and refuses every transport.
fn refused(target: &Target, found: &Found) -> Option<Diagnosis> {
    let answers = answers(target, found);
    let polling_is_off = found.polling.answers().any(|answer| answer.code() == Some(0));
    let websocket = found.websocket.answers().next();
    // Nothing but Engine.IO has such a word for polling, so this is its handshake.
    if polling_is_off
        && let Some(Reception::Raw(_, raw @ (Raw::Says(_) | Raw::Unreadable(_)))) = websocket
    {
        let broken =
            Broken { version: Version::V4, error: format!("it {}", raw.note()), sid: None };
        return Some(broken_handshake(target, &broken));
    }
    if polling_is_off && websocket.is_some_and(|answer| answer.code() != Some(0)) {
        let mut blocked = without_websocket(target, found)?;
        blocked.cause = blocked.cause.then(&text!(
            " The server speaks WebSocket alone, so nothing is left.",
            "而服务器只支持 WebSocket，所以没有别的路。"
        ));
        return Some(blocked);
    }
    let (front, code, message) = answers.iter().find_map(|answer| match answer {
        Reception::Refused(front, code, message) => Some((front, *code, message)),
        _ => None,
    })?;
    if code == 1 {
        return Some(no_sticky_sessions(target));
    }
    if code == 5 {
        return Some(
            Diagnosis::new(
                Verdict::Eio4OnlyServer,
                text!(
                    "The server refuses the version: {message}.",
                    "服务器拒绝了这个版本：{message}。"
                ),
                text!("--eio auto finds out which it takes", "--eio auto 会自动识别它接受的版本"),
            )
            .try_with(target.command.clone().without("--eio").doctor()),
        );
    }
    Some(
        Diagnosis::new(
            Verdict::Forbidden,
            text!(
                "Engine.IO answers {status} to every transport: {message} (code {code}).",
                "Engine.IO 对每种传输方式都回答 {status}：{message}（code {code}）。",
                status = front.status
            ),
            text!(
                "look at the server's transports and allowRequest (npm), or transports (python-socketio)",
                "查看服务器的 transports 和 allowRequest（npm），或 transports（python-socketio）"
            ),
        )
        .try_with(target.command.doctor()),
    )
}

fn no_sticky_sessions(target: &Target) -> Diagnosis {
    let lines = "upstream socketio {\n    \
                     ip_hash;\n    \
                     server 10.0.0.1:3000;\n    \
                     server 10.0.0.2:3000;\n\
                 }";
    Diagnosis::new(
        Verdict::NoStickySessions,
        text!(
            "A session that had just begun is unknown to the server at its next request (code 1): the requests reach several \
             servers, and only one of them knows it.",
            "刚建立的会话，下一个请求服务器就不认识了（code 1）：请求到了不同的服务器，而只有其中一台认识它。"
        ),
        text!(
            "send all requests of a client to one server, in nginx by its address:\n\
             {lines}\n\
             or use WebSocket alone, which stays on one connection: --transport websocket",
            "让同一客户端的请求总是到同一台服务器，nginx 可以按地址分配：\n\
             {lines}\n\
             或者只用 WebSocket，它始终在一条连接上：--transport websocket"
        ),
    )
    .try_with(target.command.clone().with("--transport", "websocket").listen())
}

fn without_polling(target: &Target, found: &Found) -> Option<Diagnosis> {
    let answer = found.polling.answers().next()?;
    let cause = if answer.code() == Some(0) {
        text!(
            "The server speaks WebSocket alone: polling is switched off (code 0, Transport unknown).",
            "服务器只支持 WebSocket：轮询被关闭了（code 0，Transport unknown）。"
        )
    } else {
        text!(
            "The server answers by WebSocket, but not by polling: {note}.",
            "服务器用 WebSocket 有应答，用轮询却没有：{note}。",
            note = answer.note()
        )
    };
    let fix = text!(
        "--transport websocket (npm: transports: [\"websocket\"]; python-socketio: transports=[\"websocket\"])",
        "--transport websocket（npm：transports: [\"websocket\"]；python-socketio：transports=[\"websocket\"]）"
    );
    let command = target.command.clone().with("--transport", "websocket").listen();
    Some(Diagnosis::new(Verdict::PollingDisabled, cause, fix).try_with(command))
}

/// There is no WebSocket: by the server's will, or because it does not get there.
fn without_websocket(target: &Target, found: &Found) -> Option<Diagnosis> {
    let (seen, front) = trouble(target, found)?;
    let polling = target.command.clone().with("--transport", "polling");
    let Some(seen) = seen else {
        let cause = text!(
            "The server speaks polling alone: WebSocket is switched off (code 0, Transport unknown).",
            "服务器只支持轮询：WebSocket 被关闭了（code 0，Transport unknown）。"
        );
        let fix = text!(
            "--transport polling (npm: transports: [\"polling\"]), or switch it on in the server (npm: transports: \
             [\"polling\", \"websocket\"])",
            "--transport polling（npm：transports: [\"polling\"]），或者在服务器上打开它（npm：transports: \
             [\"polling\", \"websocket\"]）"
        );
        return Some(
            Diagnosis::new(Verdict::WebSocketDisabled, cause, fix).try_with(polling.listen()),
        );
    };
    let who = front.as_ref().and_then(|front| front.via.as_ref().or(front.server.as_ref()));
    let (who, which) = match who {
        Some(who) => (format!(" ({who})"), format!("（{who}）")),
        None => Default::default(),
    };
    let is_apache = front
        .as_ref()
        .and_then(|front| front.server.as_ref())
        .is_some_and(|server| server.to_ascii_lowercase().contains("apache"));
    let path = &target.path;
    let fix = if is_apache {
        let lines = format!(
            "RewriteEngine On\n\
             RewriteCond %{{HTTP:Upgrade}} websocket [NC]\n\
             RewriteRule ^{path}(.*) ws://127.0.0.1:3000{path}$1 [P,L]"
        );
        text!(
            "let Apache pass the upgrade on (a2enmod proxy_http proxy_wstunnel rewrite):\n{lines}",
            "让 Apache 转发升级请求（a2enmod proxy_http proxy_wstunnel rewrite）：\n{lines}"
        )
    } else {
        let lines = format!(
            "location {path} {{\n    \
                 proxy_pass http://127.0.0.1:3000;\n    \
                 proxy_http_version 1.1;\n    \
                 proxy_set_header Upgrade $http_upgrade;\n    \
                 proxy_set_header Connection \"upgrade\";\n    \
                 proxy_set_header Host $host;\n\
             }}"
        );
        text!(
            "let the proxy pass the upgrade on, in nginx:\n{lines}",
            "让代理转发升级请求，nginx 的写法：\n{lines}"
        )
    };
    let cause = text!(
        "A proxy{who} between here and the server does not let WebSocket through: ",
        "这里与服务器之间的代理{which}不让 WebSocket 通过："
    );
    let cause = cause.then(&seen).then(&text!(".", "。"));
    Some(Diagnosis::new(Verdict::WebSocketBlocked, cause, fix).try_with(target.command.doctor()))
}

/// What is wrong with the WebSocket, if something is: `Some((None, _))` is the server's own will.
fn trouble(target: &Target, found: &Found) -> Option<(Option<Text>, Option<Front>)> {
    let (_, is_open) = open(target, found);
    if is_open {
        return match found.upgrade.as_ref()? {
            Upgrade::Done => None,
            Upgrade::Refused(answer) if answer.code() == Some(1) => None,
            Upgrade::Refused(answer) => {
                let what = text!(
                    "a session can't move to one, {note}",
                    "会话无法升级到 WebSocket，{note}",
                    note = answer.note()
                );
                Some((Some(what), answer.front().cloned()))
            }
            Upgrade::NotProbed(said) => {
                let what = match said {
                    None => text!(
                        "it opens, but nothing comes back over it",
                        "它能打开，但上面什么都没有回来"
                    ),
                    Some(Said::End(_)) => text!(
                        "it opens, but it is cut as soon as something is said on it",
                        "它能打开，但一发送就被切断"
                    ),
                    Some(_) => text!(
                        "it opens, but what comes back over it is not what the server says",
                        "它能打开，但上面回来的不是服务器说的话"
                    ),
                };
                Some((Some(what), None))
            }
        };
    }
    let answer = found.websocket.answers().next()?;
    let front = answer.front().cloned();
    let text = match answer {
        Reception::Refused(_, 0, _) => return Some((None, front)),
        // It gets through; what comes over it has a verdict of its own.
        Reception::Raw(_, Raw::Floods(_)) => return None,
        Reception::Refused(front, 3, message) => text!(
            "the request arrives without its header Upgrade ({status}: {message}, code 3)",
            "请求到达服务器时没有 Upgrade 头（{status}：{message}，code 3）",
            status = front.status
        ),
        Reception::Http(front) if front.status == 200 => text!(
            "it is answered 200 instead of 101, as if it were an ordinary request",
            "应答是 200 而不是 101，被当成了普通请求"
        ),
        Reception::Http(front) => text!(
            "it is answered {status} instead of 101",
            "应答是 {status} 而不是 101",
            status = front.status
        ),
        Reception::Raw(_, Raw::Cut | Raw::Closed(_)) => text!(
            "it opens, and is cut before the server says anything",
            "它能打开，但服务器还没说话就被切断"
        ),
        Reception::Silent => text!("it gets no answer", "没有应答"),
        answer => text!("{note}", "{note}", note = answer.note()),
    };
    Some((Some(text), front))
}
