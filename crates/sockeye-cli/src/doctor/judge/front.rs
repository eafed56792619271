//! Verdicts on what answers before Engine.IO does: TLS where there should be none, a redirect, a guard, a page, nothing.

use http::Uri;
use sockeye_proto::wire::engine::Version;

use super::token;
use crate::{
    doctor::{
        found::{Found, Front, Paths, Raw, Reception, Stranger},
        report::{Diagnosis, Text, Verdict, text},
        target::{Target, origin},
    },
    reach::{Eio, Transports},
};

/// What is wrong if no session could be opened; `None` if there was one, or Engine.IO itself refused.
pub(super) fn judge(target: &Target, found: &Found) -> Option<Diagnosis> {
    if found.polling.opened().is_some() || found.websocket.opened().is_some() {
        return None;
    }
    let answers = answers(target, found);
    if answers.is_empty() {
        return None;
    }
    let fronts: Vec<_> = answers.iter().filter_map(|answer| answer.front()).collect();
    let https = |front: &&Front| wants_https(front);
    if found.speaks_tls
        || answers.iter().any(|answer| matches!(answer, Reception::Stranger(Stranger::Tls)))
        || fronts.iter().copied().any(|front| https(&front))
    {
        return Some(tls_on_plain_port(target));
    }
    if answers.iter().any(|answer| matches!(answer, Reception::Stranger(Stranger::Http2))) {
        return Some(http2_only(target));
    }
    let http = || {
        answers.iter().filter_map(|answer| match answer {
            Reception::Http(front) => Some(front),
            _ => None,
        })
    };
    if let Some(front) = http().find(|front| (300..400).contains(&front.status)) {
        return Some(redirect(target, front));
    }
    let is_busy =
        |front: &&&Front| front.status == 429 || front.status == 503 && front.retry_after.is_some();
    if let Some(front) = fronts.iter().find(is_busy) {
        return Some(rate_limited(target, front));
    }
    if let Some(front) = http().find(|front| matches!(front.status, 401 | 403 | 407)) {
        return Some(forbidden(target, front, None));
    }
    for answer in &answers {
        if let Reception::Refused(front, 4, message) = answer {
            return Some(forbidden(target, front, Some(message)));
        }
    }
    if answers.iter().any(|answer| answer.is_engine()) {
        return None;
    }
    if let Some(Paths { engine: Some(path), .. }) = &found.paths {
        return Some(wrong_path(target, path));
    }
    Some(stranger(target, found, &answers))
}

/// Those in the version and on the transport that were asked for come first: they tell most.
pub(super) fn answers<'f>(target: &Target, found: &'f Found) -> Vec<&'f Reception> {
    let version = if target.eio == Eio::V3 { Version::V3 } else { Version::V4 };
    let mut transports = [&found.polling, &found.websocket];
    if target.transports == Transports::WebSocket {
        transports.reverse();
    }
    let first = transports.iter().filter_map(|transport| transport.asked_for(version));
    let rest = transports.iter().flat_map(|transport| transport.answers());
    let mut all: Vec<&Reception> = Vec::new();
    for answer in first.chain(rest) {
        if !all.iter().any(|known| std::ptr::eq(*known, answer)) {
            all.push(answer);
        }
    }
    all
}

/// What nginx, Go and Apache say to plain HTTP on a port of TLS.
fn wants_https(front: &Front) -> bool {
    let texts = [
        "plain HTTP request was sent to HTTPS port",
        "Client sent an HTTP request to an HTTPS server",
        "speaking plain HTTP to an SSL-enabled server port",
    ];
    front.status == 400 && texts.iter().any(|text| front.body.contains(text))
}

fn tls_on_plain_port(target: &Target) -> Diagnosis {
    let url = base(target, &origin(true, &target.host, target.port));
    Diagnosis::new(
        Verdict::TlsOnPlainPort,
        text!(
            "The URL says http, but port {port} of {host} speaks TLS.",
            "URL 写的是 http，而 {host} 的端口 {port} 上是 TLS。",
            port = target.port,
            host = target.host
        ),
        text!("begin the URL with https: {url}", "URL 要以 https 开头：{url}"),
    )
    .try_with(target.command.clone().to(&url).listen())
}

fn http2_only(target: &Target) -> Diagnosis {
    Diagnosis::new(
        Verdict::Http2Only,
        text!(
            "What answers speaks HTTP/2 alone, and Socket.IO needs HTTP/1.1: polling goes over it, and the WebSocket begins \
             with it.",
            "应答的一方只支持 HTTP/2，而 Socket.IO 需要 HTTP/1.1：轮询使用它，WebSocket 也从它开始。"
        ),
        text!(
            "let the front offer HTTP/1.1, too (HAProxy: alpn h2,http/1.1; Envoy: codec_type: AUTO; Node: \
             http2.createSecureServer({{ allowHTTP1: true }}))",
            "让前置代理同时提供 HTTP/1.1（HAProxy：alpn h2,http/1.1；Envoy：codec_type: AUTO；\
             Node：http2.createSecureServer({{ allowHTTP1: true }})）"
        ),
    )
    .try_with(target.command.doctor())
}

fn redirect(target: &Target, front: &Front) -> Diagnosis {
    let location = front.location.as_deref().unwrap_or_default();
    let resolved = resolve(target, location);
    let status = front.status;
    let Some((to, path)) = resolved else {
        let cause = if location.is_empty() {
            text!(
                "The server answers {status} and sends us nowhere.",
                "服务器回答 {status}，却没说要去哪里。"
            )
        } else {
            sends_to(status, location)
        };
        let fix = text!("ask whoever runs the server for its URL", "向服务器的运维询问正确的 URL");
        return Diagnosis::new(Verdict::Redirect, cause, fix).try_with(target.command.doctor());
    };
    let url = base(target, &to);
    let last = |path: &str| path.trim_end_matches('/').rsplit('/').next().map(str::to_owned);
    let is_engine =
        [last(&target.path).as_deref(), Some("socket.io")].contains(&last(&path).as_deref());
    if !is_engine || (&*to, &*path) == (&*target.origin, &*target.path) {
        // Whoever is sent to a page, or in a circle, has not been told apart yet.
        let cause = if is_engine {
            text!(
                "The server answers {status} and sends us to where we are.",
                "服务器回答 {status}，让我们回到原地。"
            )
        } else {
            text!(
                "The server answers {status} and sends us to {to}{path}, which is no path of Engine.IO: a page to log in, \
                 perhaps.",
                "服务器回答 {status}，让我们去 {to}{path}。那不是 Engine.IO 的路径，可能是登录页。"
            )
        };
        let fix = text!(
            "come with what it wants to know you by (-H 'cookie: …', --bearer-cmd), or look for the rule that redirects in \
             what stands before the server",
            "带上它用来识别你的东西（-H 'cookie: …'、--bearer-cmd），或者在服务器前面的代理里找出这条重定向规则"
        );
        let known = target.command.clone().with("-H", "\"cookie: $COOKIE\"");
        return Diagnosis::new(Verdict::Redirect, cause, fix).try_with(known.doctor());
    }
    let mut command = target.command.clone().to(&url);
    let mut fix = text!("use this URL: {url}", "使用这个 URL：{url}");
    if path != target.path {
        command = command.at(&path);
        fix = fix.then(&text!(" with --path {path}", "，并加上 --path {path}"));
    }
    Diagnosis::new(Verdict::Redirect, sends_to(status, &url), fix).try_with(command.doctor())
}

fn sends_to(status: u16, url: &str) -> Text {
    text!(
        "The server answers {status} and sends us to {url}.",
        "服务器回答 {status}，让我们去 {url}。"
    )
}

/// The origin and the path that a redirect leads to; what we asked for goes along in it, and is taken off.
fn resolve(target: &Target, location: &str) -> Option<(String, String)> {
    let location = if location.starts_with("//") {
        format!("{}:{location}", if target.is_secure { "https" } else { "http" })
    } else {
        location.to_owned()
    };
    let uri: Uri = location.parse().ok()?;
    let path = uri.path().to_owned();
    let Some(host) = uri.host() else {
        return path.starts_with('/').then(|| (target.origin.clone(), path));
    };
    let is_secure = match uri.scheme_str() {
        Some("https" | "wss") => true,
        Some("http" | "ws") => false,
        _ => return None,
    };
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    Some((origin(is_secure, host.trim_matches(['[', ']']), port), path))
}

/// A URL with the namespace that was asked for.
fn base(target: &Target, origin: &str) -> String {
    let namespace = target.namespaces.first().map_or("/", String::as_str);
    let namespace = if !target.names_by_url || namespace == "/" { "" } else { namespace };
    format!("{origin}{namespace}")
}

fn rate_limited(target: &Target, front: &Front) -> Diagnosis {
    let after = front.retry_after.as_deref();
    let wait = match after {
        Some(after) if after.bytes().all(|byte| byte.is_ascii_digit()) => {
            text!("wait {after} s", "等 {after} 秒")
        }
        Some(after) => text!("wait until {after}", "等到 {after}"),
        None => text!("wait a while", "等一会儿"),
    };
    let asks = match after {
        Some(after) => text!(" (Retry-After: {after}).", "（Retry-After: {after}）。"),
        None => text!(".", "。"),
    };
    let cause = text!(
        "The server answers {status}: it has had too many requests, or has no room",
        "服务器回答 {status}：请求太多，或者已经满了",
        status = front.status
    );
    let fix = wait.then(&text!(
        ", then try again; let clients wait longer between attempts (npm: reconnectionDelayMax)",
        "再试；让客户端的重试间隔长一些（npm：reconnectionDelayMax）"
    ));
    Diagnosis::new(Verdict::RateLimited, cause.then(&asks), fix).try_with(target.command.doctor())
}

fn forbidden(target: &Target, front: &Front, message: Option<&str>) -> Diagnosis {
    let said = match message {
        Some(message) => {
            text!(": {message} (Engine.IO's code 4)", "：{message}（Engine.IO 的 code 4）")
        }
        None if front.body.is_empty() => Text::default(),
        None => text!(": {body}", "：{body}", body = front.body),
    };
    let cause = text!(
        "The server answers {status} before any session begins",
        "会话还没开始，服务器就回答 {status}",
        status = front.status
    );
    let cause = cause.then(&said);
    let end = text!(".", "。");
    if let Some(token) = token::judge(target, front.date.as_deref()) {
        let cause = cause.then(&text!("; ", "；")).then(&token.cause).then(&end);
        return Diagnosis::new(Verdict::Forbidden, cause, token.fix)
            .try_with(target.command.doctor());
    }
    let fix = if message.is_some_and(|message| message.contains("origin")) {
        text!(
            "come from an origin that the server lists: -H 'origin: https://your.page', or add it to cors_allowed_origins \
             (python-socketio) or allowRequest (npm)",
            "使用服务器允许的来源：-H 'origin: https://your.page'，或者把它加入 cors_allowed_origins（python-socketio）\
             或 allowRequest（npm）"
        )
    } else if front.status == 407 {
        text!(
            "give the proxy's user and password: -x http://USER:PASSWORD@PROXY",
            "提供代理的用户名和密码：-x http://USER:PASSWORD@PROXY"
        )
    } else {
        text!(
            "send what the server wants: -H \"authorization: Bearer $TOKEN\", -H \"cookie: $COOKIE\" or -H 'origin: \
             https://your.page' (in the server it is allowRequest, or a guard in front of it)",
            "带上服务器要的东西：-H \"authorization: Bearer $TOKEN\"、-H \"cookie: $COOKIE\" 或 -H 'origin: \
             https://your.page'（服务器上是 allowRequest，或者它前面的网关）"
        )
    };
    Diagnosis::new(Verdict::Forbidden, cause.then(&end), fix).try_with(target.command.doctor())
}

fn wrong_path(target: &Target, path: &str) -> Diagnosis {
    let cause = text!(
        "Engine.IO does not answer at {asked}, but at {path}; the path of the URL is the namespace.",
        "Engine.IO 不在 {asked}，而在 {path}；URL 中的路径是命名空间。",
        asked = target.path
    );
    // Who put the engine's path into the URL did not mean a namespace.
    let own = target.url_path.trim_end_matches('/');
    let meant_path = target.names_by_url && !own.is_empty() && path.starts_with(own);
    let command =
        if meant_path { target.command.clone().to(&target.origin) } else { target.command.clone() };
    let fix = if meant_path {
        text!(
            "--path {path}, and no path in the URL: {origin}",
            "--path {path}，URL 中不要写路径：{origin}",
            origin = target.origin
        )
    } else if path.ends_with('/') {
        text!(
            "--path {path} (npm: path: {path:?}; python-socketio: socketio_path={path:?})",
            "--path {path}（npm：path: {path:?}；python-socketio：socketio_path={path:?}）"
        )
    } else {
        text!(
            "--path {path} --no-trailing-slash (npm: path: {path:?}, addTrailingSlash: false)",
            "--path {path} --no-trailing-slash（npm：path: {path:?}, addTrailingSlash: false）"
        )
    };
    Diagnosis::new(Verdict::WrongPath, cause, fix).try_with(command.at(path).listen())
}

/// Neither Engine.IO nor anything that would explain why not.
fn stranger(target: &Target, found: &Found, answers: &[&Reception]) -> Diagnosis {
    let doctor = target.command.doctor();
    if let Some(Paths { raw: Some((path, raw)), .. }) = &found.paths {
        return raw_websocket(target, path, raw);
    }
    let http = answers.iter().find_map(|answer| match answer {
        Reception::Http(front) => Some(front),
        _ => None,
    });
    if let Some(front) = http {
        let (server, status) = (by(front), front.status);
        if matches!(status, 502..=504) {
            let cause = text!("A proxy", "代理").then(&server).then(&text!(
                " answers {status}: the server behind it does not.",
                "回答 {status}：它后面的服务器没有应答。"
            ));
            let fix = text!(
                "start the server behind the proxy, or correct its address there (nginx: proxy_pass http://HOST:PORT)",
                "启动代理后面的服务器，或改正代理中的转发地址（nginx：proxy_pass http://HOST:PORT）"
            );
            return Diagnosis::new(Verdict::NoAnswer, cause, fix).try_with(doctor);
        }
        let kind = front.content_type.as_deref().unwrap_or("no content type");
        let says = match &*front.body {
            "" => Text::default(),
            body => text!(", saying {body:?}", "，内容是 {body:?}"),
        };
        let path = &target.path;
        let cause = text!("A web server", "Web 服务器")
            .then(&server)
            .then(&text!(
                " answers {status} at {path} with {kind}",
                "在 {path} 回答 {status}（{kind}）"
            ))
            .then(&says)
            .then(&text!(", and no Engine.IO", "，不是 Engine.IO"))
            .then(&elsewhere(found));
        let fix = text!(
            "correct host and port of the URL; if the server has its engine elsewhere, name it: --path /where/it/is/",
            "改正 URL 中的主机和端口；如果服务器的 Engine.IO 在别的路径，就指定它：--path /where/it/is/"
        );
        return Diagnosis::new(Verdict::NotSocketIo, cause, fix).try_with(doctor);
    }
    if let Some(other) = answers.iter().find_map(|answer| match answer {
        Reception::Stranger(Stranger::Other(text)) => Some(text),
        _ => None,
    }) {
        let cause = text!(
            "Port {port} speaks another protocol than HTTP; it begins with {other:?}.",
            "端口 {port} 上不是 HTTP，而是别的协议；它以 {other:?} 开头。",
            port = target.port
        );
        let fix = text!("correct the port in the URL", "改正 URL 中的端口");
        return Diagnosis::new(Verdict::NotSocketIo, cause, fix).try_with(doctor);
    }
    if let Some(why) = answers.iter().find_map(|answer| match answer {
        Reception::Stranger(Stranger::Unreadable(why)) => Some(why),
        _ => None,
    }) {
        let cause = text!(
            "What answers at port {port} speaks HTTP, but its response can't be read: {why}.",
            "端口 {port} 上是 HTTP，但它的应答无法解析：{why}。",
            port = target.port
        );
        let fix = text!(
            "look at what answers there (curl -v), and correct it, or host and port of the URL",
            "用 curl -v 看看那里是什么在应答，改正它，或改正 URL 中的主机和端口"
        );
        return Diagnosis::new(Verdict::NotSocketIo, cause, fix).try_with(doctor);
    }
    let is = |kind: &Stranger| {
        answers.iter().any(|answer| matches!(answer, Reception::Stranger(found) if found == kind))
    };
    let is_silent = answers.iter().any(|answer| matches!(answer, Reception::Silent));
    let cause = if is(&Stranger::Cut) && is_silent {
        text!(
            "The server takes each connection and gives no answer: some it closes, on others it says nothing",
            "服务器接受了连接，却没有任何应答：有的被它关闭，有的一直没有回音"
        )
    } else if is(&Stranger::Cut) {
        text!(
            "The server takes the connection and closes it without an answer",
            "服务器接受了连接，却没有应答就关闭了"
        )
    } else {
        text!(
            "The server takes the connection and then says nothing",
            "服务器接受了连接，却没有任何应答"
        )
    };
    let fix = text!(
        "look whether the server's process hangs or another program has its port (ss -ltnp); if it has its engine at \
         another path, name that (--path /where/it/is/), since Node's bare servers say nothing anywhere else; if it is only \
         slow, --timeout 60s",
        "看看服务器进程是否卡死，或端口被别的程序占用（ss -ltnp）；如果它的 Engine.IO 在别的路径，就指定它（--path /where/it/is/），\
         因为 Node 的裸服务器在其他路径上不作任何应答；如果只是慢，用 --timeout 60s"
    );
    Diagnosis::new(Verdict::NoAnswer, cause.then(&elsewhere(found)), fix).try_with(doctor)
}

/// The end of a sentence on what answers: where else was looked.
fn elsewhere(found: &Found) -> Text {
    match &found.paths {
        None => text!(".", "。"),
        Some(paths) => text!(
            "; {count} other paths have no Engine.IO either.",
            "；另外 {count} 个路径上也没有 Engine.IO。",
            count = paths.tried.len()
        ),
    }
}

fn raw_websocket(target: &Target, path: &str, raw: &Raw) -> Diagnosis {
    let scheme = if target.is_secure { "wss" } else { "ws" };
    let (_, rest) = target.origin.split_once("://").unwrap_or_default();
    let url = format!("{scheme}://{rest}{path}");
    let how = match raw {
        Raw::Echoes => text!(
            "it sends back what we say (our 40, too, which is no answer to it)",
            "我们说什么它就发回什么（包括 40，那不算应答）"
        ),
        raw => {
            text!("it {note}", "{note}", note = raw.note().trim_start_matches("it "))
        }
    };
    let cause = text!(
        "A raw WebSocket server answers at {path}, without Socket.IO on it: ",
        "{path} 上是普通 WebSocket 服务器，没有 Socket.IO："
    );
    let fix = text!(
        "speak to it as such (sockeye ws; in browsers new WebSocket(\"{url}\")), or correct the URL",
        "把它当作普通 WebSocket 使用（sockeye ws；浏览器里 new WebSocket(\"{url}\")），或改正 URL"
    );
    Diagnosis::new(Verdict::NotSocketIo, cause.then(&how).then(&text!(".", "。")), fix)
        .try_with(format!("sockeye ws {}", crate::values::quoted(&url)))
}

fn by(front: &Front) -> Text {
    front.server.as_ref().map_or_else(Text::default, |server| text!(" ({server})", "（{server}）"))
}
