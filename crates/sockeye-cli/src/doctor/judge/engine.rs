//! Verdicts on Engine.IO: its version, its transports, and whether a session stays with one server.

use sockeye_proto::wire::engine::Version;

use super::{Diagnosis, front::answers};
use crate::{
    doctor::{
        found::{Found, Upgrade},
        probe::{Answer, Front, Raw, Said},
        target::Target,
        verdict::Verdict,
    },
    reach::{Eio, Transports},
};

/// What keeps a session from beginning, or from going on.
pub(super) fn blocking(target: &Target, found: &Found) -> Option<Diagnosis> {
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
pub(super) fn old_version(target: &Target, found: &Found) -> Option<Verdict> {
    let speaks = |version| found.polling.speaks(version) || found.websocket.speaks(version);
    let is_old = target.eio == Eio::Auto && speaks(Version::V3) && !speaks(Version::V4);
    is_old.then_some(Verdict::Eio3Server)
}

/// Whether there was a session of use on polling, and on a WebSocket.
fn open(target: &Target, found: &Found) -> (bool, bool) {
    let is_of_use =
        |answer: &Answer| answer.opened().is_some_and(|opened| target.may_speak(opened.version));
    (found.polling.answers().any(is_of_use), found.websocket.answers().any(is_of_use))
}

fn version_3(target: &Target, found: &Found) -> Diagnosis {
    let opened = found.polling.opened().or_else(|| found.websocket.opened());
    let after = opened.map_or(0.0, |opened| {
        let handshake = &opened.handshake;
        handshake.ping_interval.saturating_add(handshake.ping_timeout).as_secs_f64()
    });
    Diagnosis::new(
        Verdict::Eio3Server,
        format!(
            "The server speaks Engine.IO 3 (Socket.IO 1 and 2, netty-socketio up to 1.7.25): a client of EIO=4 gets \
             nowhere by polling, and by WebSocket it is cut after pingInterval + pingTimeout = {after} s."
        ),
        "--eio 3 (npm: socket.io-client@2; python-socketio: version 4)",
    )
    .try_with(target.command.clone().with("--eio", "3").listen())
}

fn version_4(target: &Target) -> Diagnosis {
    Diagnosis::new(
        Verdict::Eio4OnlyServer,
        "The server speaks Engine.IO 4 alone (Socket.IO 3 and newer), and a client of EIO=3 is refused.",
        "--eio 4 (npm: socket.io-client@4; python-socketio: version 5), or let the server take old clients: allowEIO3: \
         true (npm 3 and 4)",
    )
    .try_with(target.command.clone().with("--eio", "4").listen())
}

/// Engine.IO is there, and refuses every transport.
fn refused(target: &Target, found: &Found) -> Option<Diagnosis> {
    let answers = answers(target, found);
    let polling_is_off = found.polling.answers().any(|answer| answer.code() == Some(0));
    let websocket = found.websocket.answers().next();
    if polling_is_off && websocket.is_some_and(|answer| answer.code() != Some(0)) {
        let mut blocked = without_websocket(target, found)?;
        blocked.cause =
            format!("{} The server speaks WebSocket alone, so nothing is left.", blocked.cause);
        return Some(blocked);
    }
    let (front, code, message) = answers.iter().find_map(|answer| match answer {
        Answer::Refused(front, code, message) => Some((front, *code, message)),
        _ => None,
    })?;
    if code == 1 {
        return Some(no_sticky_sessions(target));
    }
    if code == 5 {
        return Some(
            Diagnosis::new(
                Verdict::Eio4OnlyServer,
                format!("The server refuses the version: {message}."),
                "--eio auto finds out which it takes",
            )
            .try_with(target.command.clone().without("--eio").doctor()),
        );
    }
    Some(
        Diagnosis::new(
            Verdict::Forbidden,
            format!("Engine.IO answers {} to every transport: {message} (code {code}).", front.status),
            "look at the server's transports and allowRequest (npm), or transports (python-socketio)",
        )
        .try_with(target.command.doctor()),
    )
}

fn no_sticky_sessions(target: &Target) -> Diagnosis {
    Diagnosis::new(
        Verdict::NoStickySessions,
        "A session that had just begun is unknown to the server at its next request (code 1): the requests reach several \
         servers, and only one of them knows it.",
        "send all requests of a client to one server, in nginx by its address:\n\
         upstream socketio {\n    \
             ip_hash;\n    \
             server 10.0.0.1:3000;\n    \
             server 10.0.0.2:3000;\n\
         }\n\
         or use WebSocket alone, which stays on one connection: --transport websocket",
    )
    .try_with(target.command.clone().with("--transport", "websocket").listen())
}

fn without_polling(target: &Target, found: &Found) -> Option<Diagnosis> {
    let answer = found.polling.answers().next()?;
    let cause = if answer.code() == Some(0) {
        "The server speaks WebSocket alone: polling is switched off (code 0, Transport unknown)."
            .to_owned()
    } else {
        format!("The server answers by WebSocket, but not by polling: {}.", answer.note())
    };
    Some(
        Diagnosis::new(
            Verdict::PollingDisabled,
            cause,
            "--transport websocket (npm: transports: [\"websocket\"]; python-socketio: transports=[\"websocket\"])",
        )
        .try_with(target.command.clone().with("--transport", "websocket").listen()),
    )
}

/// There is no WebSocket: by the server's will, or because it does not get there.
fn without_websocket(target: &Target, found: &Found) -> Option<Diagnosis> {
    let (seen, front) = trouble(target, found)?;
    let polling = target.command.clone().with("--transport", "polling");
    if seen.is_none() {
        return Some(
            Diagnosis::new(
                Verdict::WebSocketDisabled,
                "The server speaks polling alone: WebSocket is switched off (code 0, Transport unknown).",
                "--transport polling (npm: transports: [\"polling\"]), or switch it on in the server (npm: transports: \
                 [\"polling\", \"websocket\"])",
            )
            .try_with(polling.listen()),
        );
    }
    let who = front.as_ref().and_then(|front| front.via.as_ref().or(front.server.as_ref()));
    let who = who.map_or_else(String::new, |who| format!(" ({who})"));
    let is_apache = front
        .as_ref()
        .and_then(|front| front.server.as_ref())
        .is_some_and(|server| server.to_ascii_lowercase().contains("apache"));
    let path = &target.path;
    let fix = if is_apache {
        format!(
            "let Apache pass the upgrade on (a2enmod proxy_http proxy_wstunnel rewrite):\n\
             RewriteEngine On\n\
             RewriteCond %{{HTTP:Upgrade}} websocket [NC]\n\
             RewriteRule ^{path}(.*) ws://127.0.0.1:3000{path}$1 [P,L]"
        )
    } else {
        format!(
            "let the proxy pass the upgrade on, in nginx:\n\
             location {path} {{\n    \
                 proxy_pass http://127.0.0.1:3000;\n    \
                 proxy_http_version 1.1;\n    \
                 proxy_set_header Upgrade $http_upgrade;\n    \
                 proxy_set_header Connection \"upgrade\";\n    \
                 proxy_set_header Host $host;\n\
             }}"
        )
    };
    let cause = format!(
        "A proxy{who} between here and the server does not let WebSocket through: {}.",
        seen.unwrap_or_default()
    );
    Some(Diagnosis::new(Verdict::WebSocketBlocked, cause, fix).try_with(target.command.doctor()))
}

/// What is wrong with the WebSocket, if something is: `Some((None, _))` is the server's own will.
fn trouble(target: &Target, found: &Found) -> Option<(Option<String>, Option<Front>)> {
    let (_, is_open) = open(target, found);
    if is_open {
        return match found.upgrade.as_ref()? {
            Upgrade::Done => None,
            Upgrade::Refused(answer) if answer.code() == Some(1) => None,
            Upgrade::Refused(answer) => Some((
                Some(format!("a session can't move to one, {}", answer.note())),
                answer.front().cloned(),
            )),
            Upgrade::NotProbed(said) => {
                let what = match said {
                    None => "nothing comes back over it",
                    Some(Said::End(_)) => "it is cut as soon as something is said on it",
                    Some(_) => "what comes back over it is not what the server says",
                };
                Some((Some(format!("it opens, but {what}")), None))
            }
        };
    }
    let answer = found.websocket.answers().next()?;
    let front = answer.front().cloned();
    let text = match answer {
        Answer::Refused(_, 0, _) => return Some((None, front)),
        Answer::Refused(front, 3, message) => {
            format!(
                "the request arrives without its header Upgrade ({}: {message}, code 3)",
                front.status
            )
        }
        Answer::Http(front) if front.status == 200 => {
            "it is answered 200 instead of 101, as if it were an ordinary request".to_owned()
        }
        Answer::Http(front) => format!("it is answered {} instead of 101", front.status),
        Answer::Raw(_, Raw::Cut | Raw::Closed(_)) => {
            "it opens, and is cut before the server says anything".to_owned()
        }
        Answer::Silent => "it gets no answer".to_owned(),
        answer => answer.note(),
    };
    Some((Some(text), front))
}
