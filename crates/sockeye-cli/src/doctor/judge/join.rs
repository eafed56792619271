//! Verdicts on Socket.IO: the namespace, what we come with, the parser, the heartbeat.

use serde_json::Value;

use super::token;
use crate::{
    doctor::{
        found::{Found, Heartbeat, Joined, Reception, Violation},
        report::{Diagnosis, Text, Verdict, text},
        target::Target,
    },
    reach::Encoding,
};

/// What keeps us out of a namespace, or throws us out of it.
pub(super) fn judge(target: &Target, found: &Found) -> Option<Diagnosis> {
    let outside = found.joins.iter().find(|(_, joined)| !joined.is_in());
    match (outside, &found.violation) {
        (Some((namespace, Joined::Refused { message, .. })), _)
            if outside.is_some_and(|(_, joined)| joined.is_unknown()) =>
        {
            Some(unknown(target, found, namespace, message))
        }
        (Some((namespace, Joined::Refused { message, data })), _) => {
            Some(refused(target, found, namespace, message, data.as_ref()))
        }
        (_, Some(violation)) => Some(unreadable(target, violation)),
        (Some((namespace, joined)), None) => Some(unanswered(target, found, namespace, joined)),
        (None, None) => of_heartbeat(target, found),
    }
}

/// The warning that `/`, which was joined because nothing else was asked for, may be the wrong place.
pub(super) fn silent(target: &Target, found: &Found) -> Option<Diagnosis> {
    let is_in = matches!(&*found.joins, [(name, Joined::In)] if name == "/");
    if !is_in || !target.is_root_by_default() || found.heard_event {
        return None;
    }
    let cause = text!(
        "You are in /, since no other namespace was named, and nothing came there while the doctor listened: many servers \
         do all they do in another one, and say nothing in this.",
        "没有指定命名空间，所以加入的是 /，而 doctor 监听期间那里什么都没有来：很多服务器只在另一个命名空间里工作，在 / 里什么也不发。"
    );
    if let Some((fix, command)) = those_that_answer(target, found.others.iter()) {
        return Some(Diagnosis::new(Verdict::SilentNamespace, cause, fix).try_with(command));
    }
    let url = target.url("/NAME");
    let fix = text!(
        "name the server's namespace: {url}, or --nsp /NAME; --try-nsp /NAME tries one, and may be repeated (npm: \
         io(\"{url}\"); python-socketio: namespaces=[\"/NAME\"])",
        "指定服务器的命名空间：{url} 或 --nsp /NAME；--try-nsp /NAME 可以试探，能写多次（npm：io(\"{url}\")；\
         python-socketio：namespaces=[\"/NAME\"]）"
    );
    Some(Diagnosis::new(Verdict::SilentNamespace, cause, fix))
}

fn unknown(target: &Target, found: &Found, namespace: &str, message: &str) -> Diagnosis {
    let cause = text!(
        "The server has no namespace {namespace}; it says {message:?}.",
        "服务器没有命名空间 {namespace}；它说 {message:?}。"
    );
    let plain = target.command.clone().without("--nsp");
    let origin = &target.origin;
    let lets_into_root = found.tried().any(|(name, joined)| name == "/" && joined.is_in());
    let has_others = found.tried().any(|(name, joined)| name != "/" && joined.is_there());
    // Many put the engine's path into the URL.
    let meant_path = target.names_by_url && namespace.trim_end_matches('/').ends_with("/socket.io");
    let (fix, command) = if lets_into_root && meant_path {
        let fix = text!(
            "leave the path out of the URL, where it is the namespace: {origin}",
            "URL 中的路径就是命名空间，把它去掉：{origin}"
        );
        (fix, plain.to(origin).listen())
    } else if lets_into_root && !has_others {
        let fix = text!(
            "declare it in the server (npm: io.of({namespace:?}); python-socketio: namespace={namespace:?}; netty: \
             server.addNamespace({namespace:?})), or leave it out: {origin}",
            "在服务器上声明它（npm：io.of({namespace:?})；python-socketio：namespace={namespace:?}；\
             netty：server.addNamespace({namespace:?})），或者不写它：{origin}"
        );
        (fix, plain.to(origin).listen())
    } else if let Some(there) = those_that_answer(target, found.tried()) {
        there
    } else {
        let fix = text!(
            "name one that the server has: http://host/NAMESPACE, or --nsp NAMESPACE; --try-nsp NAMESPACE tries one, and \
             may be repeated (the server's own code has the names, npm: io.of(\"/NAMESPACE\"))",
            "指定服务器上有的命名空间：http://host/NAMESPACE 或 --nsp NAMESPACE；--try-nsp NAMESPACE 可以试探，能写多次\
             （名字写在服务器的代码里，npm：io.of(\"/NAMESPACE\")）"
        );
        (fix, target.command.doctor())
    };
    Diagnosis::new(Verdict::UnknownNamespace, cause, fix).try_with(command)
}

/// The namespaces that do answer, as a fix, and the command that gets into the best of them, or finds out how.
fn those_that_answer<'f>(
    target: &Target,
    tried: impl Iterator<Item = &'f (String, Joined)>,
) -> Option<(Text, String)> {
    let mut all: Vec<_> = tried.filter(|(_, joined)| joined.is_there()).collect();
    // Nearly every server has `/`, so that any other says more; one that does not let us in wants something of us.
    all.sort_by_key(|(name, joined)| (name == "/", !joined.is_in()));
    let (name, joined) = all.first()?;
    let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
    let (names, url) = (names.join(", "), target.url(name));
    let mut fix = text!("these answer: {names}; use {url}", "这些有应答：{names}；请用 {url}");
    let line = target.command.clone().without("--nsp").to(&url);
    let command = match joined {
        Joined::In => line.listen(),
        Joined::Refused { data, .. } if target.auth.is_none() && is_our_chat(name, data) => {
            fix = fix.then(&text!(
                " with a name: --auth '{CHAT_AUTH}'",
                "，并带上名字：--auth '{CHAT_AUTH}'"
            ));
            line.with("--auth", CHAT_AUTH).listen()
        }
        _ => line.doctor(),
    };
    Some((fix, command))
}

/// What our own chat wants of whoever joins.
const CHAT_AUTH: &str = r#"{"name":"Ada"}"#;

fn is_our_chat(namespace: &str, data: &Option<Value>) -> bool {
    let code = data.as_ref().and_then(|data| data["code"].as_str());
    namespace == sockeye_chat::NAMESPACE && code == Some("name-empty")
}

fn refused(
    target: &Target,
    found: &Found,
    namespace: &str,
    message: &str,
    data: Option<&Value>,
) -> Diagnosis {
    let (with, and) = match data {
        Some(data) => (format!(", with {data}"), format!("，附带 {data}")),
        None => Default::default(),
    };
    let mut cause = text!(
        "The server does not let us into {namespace}: {message:?}{with}",
        "服务器不让我们进入 {namespace}：{message:?}{and}"
    );
    let fix = match token::judge(target, date(found)) {
        Some(token) => {
            cause = cause.then(&text!("; ", "；")).then(&token.cause);
            token.fix
        }
        None if target.auth.is_some() => text!(
            "send what the server's middleware wants (npm: io.use and handshake.auth; python-socketio: the auth of \
             connect): --auth @auth.json, or -H \"authorization: Bearer $TOKEN\" if it looks there",
            "带上服务器中间件要的东西（npm：io.use 与 handshake.auth；python-socketio：connect 的 auth 参数）：\
             --auth @auth.json；如果它看的是请求头，就用 -H \"authorization: Bearer $TOKEN\""
        ),
        None => text!(
            "send what the server's middleware wants, such as a token: --auth '{{\"token\":\"…\"}}' (npm: auth: {{ token \
             }}), or -H \"authorization: Bearer $TOKEN\" if it looks there",
            "带上服务器中间件要的东西，例如令牌：--auth '{{\"token\":\"…\"}}'（npm：auth: {{ token }}）；如果它看的是请求头，\
             就用 -H \"authorization: Bearer $TOKEN\""
        ),
    };
    let command = if target.auth.is_some() {
        target.command.clone()
    } else {
        target.command.clone().with("--auth", "@auth.json")
    };
    let cause = cause.then(&text!(".", "。"));
    Diagnosis::new(Verdict::AuthRefused, cause, fix).try_with(command.doctor())
}

/// What the server takes for the time.
fn date(found: &Found) -> Option<&str> {
    let answers = found.polling.answers().chain(found.websocket.answers());
    answers.filter_map(Reception::front).find_map(|front| front.date.as_deref())
}

/// A packet that is none in the parser that both speak.
fn unreadable(target: &Target, violation: &Violation) -> Diagnosis {
    let Violation { error, packet } = violation;
    Diagnosis::new(
        Verdict::WrongParser,
        text!(
            "The server sends a packet that can't be read, {packet:?}: {error}. Clients end the connection there (parse \
             error).",
            "服务器发来一个无法解析的包 {packet:?}：{error}。客户端会在这里断开连接（parse error）。"
        ),
        text!(
            "send JSON: NaN and Infinity are none (Python's json.dumps writes them, and allow_nan=False says where; send \
             null instead), nor is a text that was cut",
            "让服务器发送合法的 JSON：NaN 和 Infinity 不是 JSON（Python 的 json.dumps 会写出它们，加 allow_nan=False 能找到出处；\
             请改发 null），被截断的文本也不是"
        ),
    )
    .try_with(target.command.doctor())
}

fn unanswered(target: &Target, found: &Found, namespace: &str, joined: &Joined) -> Diagnosis {
    let ours = match target.parser {
        Encoding::Json => "JSON",
        Encoding::MsgPack => "msgpack",
    };
    let (how, what) = match joined {
        Joined::NoReply => ("there is no answer", "没有应答"),
        Joined::Ended(_) => ("the server ends the session", "服务器结束了会话"),
        _ => ("the session is lost", "会话丢失了"),
    };
    if matches!(found.other_parser, Some(Joined::In | Joined::Refused { .. })) {
        let (theirs, fix, command) = match target.parser {
            Encoding::Json => (
                "msgpack",
                text!(
                    "--parser msgpack (npm: parser: require(\"socket.io-msgpack-parser\"); python-socketio: \
                     serializer=\"msgpack\")",
                    "--parser msgpack（npm：parser: require(\"socket.io-msgpack-parser\")；\
                     python-socketio：serializer=\"msgpack\"）"
                ),
                target.command.clone().with("--parser", "msgpack"),
            ),
            Encoding::MsgPack => (
                "JSON",
                text!("leave out --parser msgpack", "去掉 --parser msgpack"),
                target.command.clone().without("--parser"),
            ),
        };
        let cause = text!(
            "The server writes packets in {theirs}: to a CONNECT in {ours} {how}, to one in {theirs} it answers.",
            "服务器用 {theirs} 编写数据包：对 {ours} 的 CONNECT，{what}；对 {theirs} 的 CONNECT，它有应答。"
        );
        return Diagnosis::new(Verdict::WrongParser, cause, fix).try_with(command.listen());
    }
    let (detail, note) = match joined {
        Joined::Lost(answer) => (format!(" ({})", answer.note()), format!("（{}）", answer.note())),
        _ => Default::default(),
    };
    let cause = text!(
        "The server opens a session, but when we ask to join {namespace}, {how}{detail}; nor does another parser help.",
        "服务器能打开会话，但申请加入 {namespace} 时，{what}{note}；换一种解析器也没有用。"
    );
    if let Some((fix, command)) = those_that_answer(target, found.tried()) {
        return Diagnosis::new(Verdict::ConnectNoReply, cause, fix).try_with(command);
    }
    let fix = if namespace == "/" {
        text!(
            "look at the server's log: a middleware or connection handler may wait for ever (npm: a next() that is never \
             called); if it is only slow, --timeout 60s",
            "查看服务器日志：可能有中间件或连接处理函数一直在等（npm：漏掉了 next()）；如果只是慢，用 --timeout 60s"
        )
    } else {
        text!(
            "declare {namespace} in the server (netty: server.addNamespace({namespace:?})): some say nothing to a namespace \
             that they don't have; or look for a middleware there that never calls next()",
            "在服务器上声明 {namespace}（netty：server.addNamespace({namespace:?})）：有些服务器对不存在的命名空间不作任何应答；\
             或者找一找那里漏掉 next() 的中间件"
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
            text!(
                "The session stands, but the heartbeat that was announced did not come within {within:?}.",
                "会话建立了，但服务器声明的心跳在 {within:?} 之内没有来。"
            ),
            text!(
                "look for something between that holds packets back (nginx: proxy_buffering off), or a server whose event \
                 loop is blocked",
                "查一查中间有没有东西扣住了数据（nginx：proxy_buffering off），或者服务器的事件循环是否被阻塞"
            ),
        ),
        Heartbeat::Disconnected => {
            let (more, fix) = match token::judge(target, date(found)) {
                Some(token) => (text!("; ", "；").then(&token.cause), token.fix),
                None => (
                    Text::default(),
                    text!(
                        "send what the server's connection handler wants, such as --auth '{{\"token\":\"…\"}}' (it calls \
                         socket.disconnect())",
                        "带上服务器连接处理函数要的东西，例如 --auth '{{\"token\":\"…\"}}'（它调用了 socket.disconnect()）"
                    ),
                ),
            };
            let cause = text!(
                "The server lets us into {namespace} and sends us away at once",
                "服务器让我们进入 {namespace}，随即又断开了我们"
            );
            Diagnosis::new(Verdict::AuthRefused, cause.then(&more).then(&text!(".", "。")), fix)
        }
        Heartbeat::Ended => Diagnosis::new(
            Verdict::RandomDrop,
            text!(
                "The server lets us into {namespace} and ends the session at once.",
                "服务器让我们进入 {namespace}，随即结束了会话。"
            ),
            text!(
                "look at the server's log for an error in its connection handler",
                "查看服务器日志，看连接处理函数有没有出错"
            ),
        ),
    };
    Some(diagnosis.try_with(target.command.doctor()))
}
