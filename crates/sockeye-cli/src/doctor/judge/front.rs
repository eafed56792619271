//! Verdicts on what answers before Engine.IO does: TLS where there should be none, a redirect, a guard, a page, nothing.

use http::Uri;
use sockeye_proto::wire::engine::Version;

use super::{Diagnosis, token};
use crate::{
    doctor::{
        found::{Found, Paths},
        probe::{Answer, Front, Raw, Stranger},
        target::{Target, origin},
        verdict::Verdict,
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
        || answers.iter().any(|answer| matches!(answer, Answer::Stranger(Stranger::Tls)))
        || fronts.iter().copied().any(|front| https(&front))
    {
        return Some(tls_on_plain_port(target));
    }
    if answers.iter().any(|answer| matches!(answer, Answer::Stranger(Stranger::Http2))) {
        return Some(http2_only(target));
    }
    let http = || {
        answers.iter().filter_map(|answer| match answer {
            Answer::Http(front) => Some(front),
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
        if let Answer::Refused(front, 4, message) = answer {
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
pub(super) fn answers<'f>(target: &Target, found: &'f Found) -> Vec<&'f Answer> {
    let version = if target.eio == Eio::V3 { Version::V3 } else { Version::V4 };
    let mut transports = [&found.polling, &found.websocket];
    if target.transports == Transports::WebSocket {
        transports.reverse();
    }
    let first = transports.iter().filter_map(|transport| transport.asked_for(version));
    let rest = transports.iter().flat_map(|transport| transport.answers());
    let mut all: Vec<&Answer> = Vec::new();
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
        format!("The URL says http, but port {} of {} speaks TLS.", target.port, target.host),
        format!("begin the URL with https: {url}"),
    )
    .try_with(target.command.clone().to(&url).listen())
}

fn http2_only(target: &Target) -> Diagnosis {
    Diagnosis::new(
        Verdict::Http2Only,
        "What answers speaks HTTP/2 alone, and Socket.IO needs HTTP/1.1: polling goes over it, and the WebSocket begins \
         with it.",
        "let the front offer HTTP/1.1, too (HAProxy: alpn h2,http/1.1; Envoy: codec_type: AUTO; Node: \
         http2.createSecureServer({ allowHTTP1: true }))",
    )
    .try_with(target.command.doctor())
}

fn redirect(target: &Target, front: &Front) -> Diagnosis {
    let location = front.location.as_deref().unwrap_or_default();
    let resolved = resolve(target, location);
    let cause = |to: &str| format!("The server answers {} and sends us to {to}.", front.status);
    let Some((to, path)) = resolved else {
        return Diagnosis::new(
            Verdict::Redirect,
            cause(if location.is_empty() { "nowhere" } else { location }),
            "ask whoever runs the server for its URL",
        )
        .try_with(target.command.doctor());
    };
    let url = base(target, &to);
    let mut command = target.command.clone().to(&url);
    let mut fix = format!("use this URL: {url}");
    if path != target.path {
        command = command.with("--path", &path);
        fix = format!("{fix} with --path {path}");
    }
    Diagnosis::new(Verdict::Redirect, cause(&url), fix).try_with(command.doctor())
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
        Some(after) if after.bytes().all(|byte| byte.is_ascii_digit()) => format!("wait {after} s"),
        Some(after) => format!("wait until {after}"),
        None => "wait a while".to_owned(),
    };
    let asks = after.map_or_else(String::new, |after| format!(" (Retry-After: {after})"));
    Diagnosis::new(
        Verdict::RateLimited,
        format!("The server answers {}: it has had too many requests, or has no room{asks}.", front.status),
        format!("{wait}, then try again; let clients wait longer between attempts (npm: reconnectionDelayMax)"),
    )
    .try_with(target.command.doctor())
}

fn forbidden(target: &Target, front: &Front, message: Option<&str>) -> Diagnosis {
    let said = match message {
        Some(message) => format!(": {message} (Engine.IO's code 4)"),
        None if front.body.is_empty() => String::new(),
        None => format!(": {}", front.body),
    };
    let mut cause = format!("The server answers {} before any session begins{said}", front.status);
    if let Some(token) = token::judge(target, front.date.as_deref()) {
        return Diagnosis::new(Verdict::Forbidden, format!("{cause}; {}.", token.cause), token.fix)
            .try_with(target.command.doctor());
    }
    cause.push('.');
    let fix = if message.is_some_and(|message| message.contains("origin")) {
        "come from an origin that the server lists: -H 'origin: https://your.page', or add it to cors_allowed_origins \
         (python-socketio) or allowRequest (npm)"
    } else if front.status == 407 {
        "give the proxy's user and password: -x http://USER:PASSWORD@PROXY"
    } else {
        "send what the server wants: -H \"authorization: Bearer $TOKEN\", -H \"cookie: $COOKIE\" or -H 'origin: \
         https://your.page' (in the server it is allowRequest, or a guard in front of it)"
    };
    Diagnosis::new(Verdict::Forbidden, cause, fix).try_with(target.command.doctor())
}

fn wrong_path(target: &Target, path: &str) -> Diagnosis {
    let cause = format!(
        "Engine.IO does not answer at {}, but at {path}; the path of the URL is the namespace.",
        target.path
    );
    // Who put the engine's path into the URL did not mean a namespace.
    let own = target.url_path.trim_end_matches('/');
    let meant_path = target.names_by_url && !own.is_empty() && path.starts_with(own);
    let command =
        if meant_path { target.command.clone().to(&target.origin) } else { target.command.clone() };
    let fix = if meant_path {
        format!("--path {path}, and no path in the URL: {}", target.origin)
    } else {
        format!("--path {path} (npm: path: {path:?}; python-socketio: socketio_path={path:?})")
    };
    let command = match path {
        "/socket.io/" => command.without("--path"),
        path => command.with("--path", path),
    };
    Diagnosis::new(Verdict::WrongPath, cause, fix).try_with(command.listen())
}

/// Neither Engine.IO nor anything that would explain why not.
fn stranger(target: &Target, found: &Found, answers: &[&Answer]) -> Diagnosis {
    let doctor = target.command.doctor();
    if let Some(Paths { raw: Some((path, raw)), .. }) = &found.paths {
        return raw_websocket(target, path, raw);
    }
    let http = answers.iter().find_map(|answer| match answer {
        Answer::Http(front) => Some(front),
        _ => None,
    });
    if let Some(front) = http {
        if matches!(front.status, 502..=504) {
            return Diagnosis::new(
                Verdict::NoAnswer,
                format!("A proxy{} answers {}: the server behind it does not.", by(front), front.status),
                "start the server behind the proxy, or correct its address there (nginx: proxy_pass http://HOST:PORT)",
            )
            .try_with(doctor);
        }
        let kind = front.content_type.as_deref().unwrap_or("no content type");
        let says = if front.body.is_empty() {
            String::new()
        } else {
            format!(", saying {:?}", front.body)
        };
        let tried = found.paths.as_ref().map_or_else(String::new, |paths| {
            format!("; {} other paths have no Engine.IO either", paths.tried.len())
        });
        return Diagnosis::new(
            Verdict::NotSocketIo,
            format!(
                "A web server{} answers {} at {} with {kind}{says}, and no Engine.IO{tried}.",
                by(front),
                front.status,
                target.path
            ),
            "correct host and port of the URL; if the server has its engine elsewhere, name it: --path /where/it/is/",
        )
        .try_with(doctor);
    }
    if let Some(other) = answers.iter().find_map(|answer| match answer {
        Answer::Stranger(Stranger::Other(text)) => Some(text),
        _ => None,
    }) {
        return Diagnosis::new(
            Verdict::NotSocketIo,
            format!(
                "Port {} speaks another protocol than HTTP; it begins with {other:?}.",
                target.port
            ),
            "correct the port in the URL",
        )
        .try_with(doctor);
    }
    let cause = if answers.iter().any(|answer| matches!(answer, Answer::Stranger(Stranger::Cut))) {
        "The server takes the connection and closes it without an answer."
    } else {
        "The server takes the connection and then says nothing."
    };
    Diagnosis::new(
        Verdict::NoAnswer,
        cause,
        "look whether the server's process hangs or another program has its port (ss -ltnp); if it is only slow, \
         --timeout 60s",
    )
    .try_with(doctor)
}

fn raw_websocket(target: &Target, path: &str, raw: &Raw) -> Diagnosis {
    let scheme = if target.is_secure { "wss" } else { "ws" };
    let (_, rest) = target.origin.split_once("://").unwrap_or_default();
    let url = format!("{scheme}://{rest}{path}");
    let how = match raw {
        Raw::Echoes => {
            "it sends back what we say (our 40, too, which is no answer to it)".to_owned()
        }
        raw => format!("it {}", raw.note().trim_start_matches("it ")),
    };
    Diagnosis::new(
        Verdict::NotSocketIo,
        format!("A raw WebSocket server answers at {path}, without Socket.IO on it: {how}."),
        format!("speak to it as such (sockeye ws; in browsers new WebSocket(\"{url}\")), or correct the URL"),
    )
    .try_with(format!("sockeye ws {}", crate::values::quoted(&url)))
}

fn by(front: &Front) -> String {
    front.server.as_ref().map_or_else(String::new, |server| format!(" ({server})"))
}
