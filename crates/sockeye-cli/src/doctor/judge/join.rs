//! Verdicts on Socket.IO: the namespace, what we come with, the parser, the heartbeat.

use serde_json::Value;

use super::{Diagnosis, token};
use crate::{
    doctor::{
        found::{Found, Heartbeat},
        probe::Answer,
        session::Joined,
        target::Target,
        verdict::Verdict,
    },
    reach::Encoding,
};

/// What keeps us out of a namespace, or throws us out of it.
pub(super) fn judge(target: &Target, found: &Found) -> Option<Diagnosis> {
    let outside = found.joins.iter().find(|(_, joined)| !joined.is_in());
    match outside {
        Some((namespace, Joined::Refused { message, .. })) if is_unknown(message) => {
            Some(unknown(target, found, namespace, message))
        }
        Some((namespace, Joined::Refused { message, data })) => {
            Some(refused(target, found, namespace, message, data.as_ref()))
        }
        Some((namespace, joined)) => Some(unanswered(target, found, namespace, joined)),
        None => of_heartbeat(target, found),
    }
}

/// Whether a refusal means that there is no such namespace, in the words of each server.
fn is_unknown(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    // The last is python-socketio's.
    message.contains("invalid namespace")
        || message.contains("unknown namespace")
        || message.contains("namespace not found")
        || message == "unable to connect"
}

fn unknown(target: &Target, found: &Found, namespace: &str, message: &str) -> Diagnosis {
    let cause = format!("The server has no namespace {namespace}; it says {message:?}.");
    let plain = target.command.clone().without("--nsp");
    if let Some((fix, url)) = those_that_answer(target, found) {
        return Diagnosis::new(Verdict::UnknownNamespace, cause, fix)
            .try_with(plain.to(&url).listen());
    }
    // Many put the engine's path into the URL.
    if target.names_by_url && namespace.trim_end_matches('/').ends_with("/socket.io") {
        let fix =
            format!("leave the path out of the URL, where it is the namespace: {}", target.origin);
        return Diagnosis::new(Verdict::UnknownNamespace, cause, fix)
            .try_with(plain.to(&target.origin).listen());
    }
    let fix = if namespace == "/" {
        "name one that the server has behind the host: http://host/NAMESPACE".to_owned()
    } else {
        format!(
            "declare it in the server (npm: io.of({namespace:?}); python-socketio: namespace={namespace:?}; netty: \
             server.addNamespace({namespace:?})), or leave it out: {}",
            target.origin
        )
    };
    let command =
        if namespace == "/" { target.command.doctor() } else { plain.to(&target.origin).listen() };
    Diagnosis::new(Verdict::UnknownNamespace, cause, fix).try_with(command)
}

/// The namespaces that do answer, as a fix, and the URL of the best of them.
fn those_that_answer(target: &Target, found: &Found) -> Option<(String, String)> {
    let tried = || found.joins.iter().chain(&found.others);
    let lets_in = tried().filter(|(_, joined)| joined.is_in());
    // It is there, but wants something of us.
    let guarded = tried().filter(
        |(_, joined)| matches!(joined, Joined::Refused { message, .. } if !is_unknown(message)),
    );
    let names: Vec<_> = lets_in.chain(guarded).map(|(name, _)| name.as_str()).collect();
    let url = target.url(names.first()?);
    Some((format!("these answer: {}; use {url}", names.join(", ")), url))
}

fn refused(
    target: &Target,
    found: &Found,
    namespace: &str,
    message: &str,
    data: Option<&Value>,
) -> Diagnosis {
    let data = data.map_or_else(String::new, |data| format!(", with {data}"));
    let mut cause = format!("The server does not let us into {namespace}: {message:?}{data}");
    let fix = match token::judge(target, date(found)) {
        Some(token) => {
            cause = format!("{cause}; {}", token.cause);
            token.fix
        }
        None if target.auth.is_some() => {
            "send what the server's middleware wants (npm: io.use and handshake.auth; python-socketio: the auth of \
             connect): --auth @auth.json, or -H \"authorization: Bearer $TOKEN\" if it looks there"
                .to_owned()
        }
        None => "send what the server's middleware wants, such as a token: --auth '{\"token\":\"…\"}' (npm: auth: { \
                 token }), or -H \"authorization: Bearer $TOKEN\" if it looks there"
            .to_owned(),
    };
    let command = if target.auth.is_some() {
        target.command.clone()
    } else {
        target.command.clone().with("--auth", "@auth.json")
    };
    Diagnosis::new(Verdict::AuthRefused, format!("{cause}."), fix).try_with(command.doctor())
}

/// What the server takes for the time.
fn date(found: &Found) -> Option<&str> {
    let answers = found.polling.answers().chain(found.websocket.answers());
    answers.filter_map(Answer::front).find_map(|front| front.date.as_deref())
}

fn unanswered(target: &Target, found: &Found, namespace: &str, joined: &Joined) -> Diagnosis {
    let ours = match target.parser {
        Encoding::Json => "JSON",
        Encoding::MsgPack => "msgpack",
    };
    let how = match joined {
        Joined::NoReply => "there is no answer",
        Joined::Ended(_) => "the server ends the session",
        _ => "the session is lost",
    };
    if matches!(found.other_parser, Some(Joined::In | Joined::Refused { .. })) {
        let (theirs, fix, command) = match target.parser {
            Encoding::Json => (
                "msgpack",
                "--parser msgpack (npm: parser: require(\"socket.io-msgpack-parser\"); python-socketio: \
                 serializer=\"msgpack\")",
                target.command.clone().with("--parser", "msgpack"),
            ),
            Encoding::MsgPack => {
                ("JSON", "leave out --parser msgpack", target.command.clone().without("--parser"))
            }
        };
        return Diagnosis::new(
            Verdict::WrongParser,
            format!("The server writes packets in {theirs}: to a CONNECT in {ours} {how}, to one in {theirs} it answers."),
            fix,
        )
        .try_with(command.listen());
    }
    let detail = match joined {
        Joined::Lost(answer) => format!(" ({})", answer.note()),
        _ => String::new(),
    };
    let cause = format!(
        "The server opens a session, but when we ask to join {namespace}, {how}{detail}; nor does another parser help."
    );
    if let Some((fix, url)) = those_that_answer(target, found) {
        let command = target.command.clone().without("--nsp").to(&url);
        return Diagnosis::new(Verdict::ConnectNoReply, cause, fix).try_with(command.listen());
    }
    let fix = if namespace == "/" {
        "look at the server's log: a middleware or connection handler may wait for ever (npm: a next() that is never \
         called); if it is only slow, --timeout 60s"
            .to_owned()
    } else {
        format!(
            "declare {namespace} in the server (netty: server.addNamespace({namespace:?})): some say nothing to a namespace \
             that they don't have; or look for a middleware there that never calls next()"
        )
    };
    Diagnosis::new(Verdict::ConnectNoReply, cause, fix).try_with(target.command.doctor())
}

fn of_heartbeat(target: &Target, found: &Found) -> Option<Diagnosis> {
    let namespace = found.joins.first().map_or("/", |(name, _)| name.as_str());
    let diagnosis = match found.heartbeat.as_ref()? {
        Heartbeat::Seen | Heartbeat::NotDue => return None,
        Heartbeat::Missing { within } => Diagnosis::new(
            Verdict::NoHeartbeat,
            format!(
                "The session stands, but the heartbeat that was announced did not come within {within:?}."
            ),
            "look for something between that holds packets back (nginx: proxy_buffering off), or a server whose event \
             loop is blocked",
        ),
        Heartbeat::Disconnected => {
            let token = token::judge(target, date(found));
            let (cause, fix) = token.map_or_else(
                || {
                    (
                        String::new(),
                        "send what the server's connection handler wants, such as --auth '{\"token\":\"…\"}' (it calls \
                         socket.disconnect())"
                            .to_owned(),
                    )
                },
                |token| (format!("; {}", token.cause), token.fix),
            );
            Diagnosis::new(
                Verdict::AuthRefused,
                format!("The server lets us into {namespace} and sends us away at once{cause}."),
                fix,
            )
        }
        Heartbeat::Ended => Diagnosis::new(
            Verdict::RandomDrop,
            format!("The server lets us into {namespace} and ends the session at once."),
            "look at the server's log for an error in its connection handler",
        ),
    };
    Some(diagnosis.try_with(target.command.doctor()))
}
