//! Verdicts on the way to the server's port: URL, name, addresses.

use sockeye::client::{DialError, Step, UrlError};

use crate::doctor::{
    found::{Found, Refused, RefusedBy, Tried},
    report::{Diagnosis, Verdict, text},
    target::{BadUrl, Target},
};

/// The URL is none that could be tried.
pub(super) fn bad_url(bad: &BadUrl) -> Diagnosis {
    let fix = match bad.error {
        UrlError::Scheme => text!(
            "begin the URL with http:// or https:// (ws:// and wss:// mean the same)",
            "URL 要以 http:// 或 https:// 开头（写 ws://、wss:// 也一样）"
        ),
        UrlError::NoHost => text!(
            "name the server behind the //, as in https://example.com/",
            "在 // 后面写上服务器，例如 https://example.com/"
        ),
        UrlError::Host { .. } => text!(
            "correct the host in the URL: a name or an address, as in https://example.com/ or http://[::1]:3000/",
            "改正 URL 中的主机：域名或地址，例如 https://example.com/ 或 http://[::1]:3000/"
        ),
        UrlError::Port => text!(
            "give a port from 1 to 65535 behind the host, as in http://example.com:3000/",
            "主机后面的端口要在 1 到 65535 之间，例如 http://example.com:3000/"
        ),
        UrlError::Credentials => text!(
            "leave user and password out of the URL and send them as a header: -H \"authorization: $AUTHORIZATION\"",
            "不要把用户名和密码写进 URL，用请求头发送：-H \"authorization: $AUTHORIZATION\""
        ),
        UrlError::TooLong { .. } => text!(
            "send what is long in the auth payload (--auth @auth.json) or in a header, not in the query",
            "把长的内容放进 auth（--auth @auth.json）或请求头，不要放在查询参数里"
        ),
        _ => text!(
            "write the URL as scheme://host[:port][/namespace][?query], special characters with % as %20 for a blank",
            "URL 要写成 scheme://host[:port][/namespace][?query]，特殊字符用 % 转义，例如空格写成 %20"
        ),
    };
    let cause =
        text!("The URL can't be used: {error}.", "URL 无法使用：{error}。", error = bad.error);
    let command = match bad.error {
        UrlError::TooLong { .. } => bad.command.clone().without_query(),
        _ => bad.command.clone(),
    };
    let command = command.to(&mended(&bad.error, &bad.url)).doctor();
    Diagnosis::new(Verdict::BadUrl, cause, fix).try_with(command)
}

/// What was probably meant.
fn mended(error: &UrlError, url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let scheme = if ["http", "https", "ws", "wss"].contains(&scheme) { scheme } else { "https" };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match error {
        UrlError::NoHost => "example.com",
        UrlError::Port => host.rsplit_once(':').map_or(host, |(host, _)| host),
        _ => host,
    };
    format!("{scheme}://{}{}", host.trim().replace(' ', "-"), tail.trim().replace(' ', "%20"))
}

/// What is wrong below TLS.
pub(super) fn judge(target: &Target, found: &Found) -> Option<Diagnosis> {
    if let Some(Err(error)) = &found.dns {
        return Some(no_name(target, error));
    }
    if !found.tcp.is_empty() && found.tcp.iter().all(|tried| tried.outcome.is_err()) {
        return Some(no_address(target, &found.tcp));
    }
    found.dial.as_ref().and_then(|error| of_dial(target, error))
}

fn no_name(target: &Target, error: &str) -> Diagnosis {
    let host = &target.host;
    let cause =
        text!("The name {host} can't be looked up: {error}.", "无法解析域名 {host}：{error}。");
    let fix = text!(
        "check the spelling of the host, or ask the name server (getent hosts {host}); a name that only a proxy knows \
         is reached with -x socks5h://PROXY",
        "检查主机名的拼写，或查询 DNS（getent hosts {host}）；只有代理才认识的域名要经代理访问：-x socks5h://PROXY"
    );
    Diagnosis::new(Verdict::DnsFailed, cause, fix).try_with(target.command.doctor())
}

fn no_address(target: &Target, tried: &[Tried]) -> Diagnosis {
    let by = |kind: RefusedBy| {
        let refused =
            |tried: &&Tried| tried.outcome.as_ref().is_err_and(|refused| refused.kind == kind);
        tried.iter().find(refused)
    };
    let list: Vec<_> = tried.iter().map(|tried| tried.address.to_string()).collect();
    let (list, all) = (list.join(" and "), list.join("、"));
    let port = target.port;
    // Where a machine says no, we came furthest.
    let (verdict, cause, fix) = if by(RefusedBy::Machine).is_some() {
        (
            Verdict::ConnectionRefused,
            text!(
                "Nothing listens at {list}: the connection is refused.",
                "{all} 上没有程序在监听：连接被拒绝。"
            ),
            text!(
                "start the server, or correct the port in the URL; on the server `ss -ltn` shows what listens (one on \
                 127.0.0.1:{port} is not reached from elsewhere: let it listen on 0.0.0.0)",
                "启动服务器，或改正 URL 中的端口；在服务器上用 `ss -ltn` 查看监听情况（只监听 127.0.0.1:{port} 时别的机器连不上，\
                 要监听 0.0.0.0）"
            ),
        )
    } else if by(RefusedBy::Nobody).is_some() {
        (
            Verdict::ConnectTimeout,
            text!(
                "Nobody answers at {list} within {limit:?}: a firewall drops it, or the machine is off.",
                "{all} 在 {limit:?} 之内没有回应：防火墙丢弃了数据包，或机器已关机。",
                limit = target.timeout
            ),
            text!(
                "open port {port} in the server's firewall or security group, or go through a proxy with -x",
                "在服务器的防火墙或安全组中放行端口 {port}，或用 -x 走代理"
            ),
        )
    } else {
        let reason = tried.iter().find_map(|tried| tried.outcome.as_ref().err());
        let reason = reason.map_or("no route", |refused| refused.text.as_str());
        (
            Verdict::NetworkUnreachable,
            text!(
                "There is no way from here to {list}: {reason}.",
                "从这里没有通往 {all} 的路：{reason}。"
            ),
            text!(
                "connect this machine to that network (VPN, IPv6), or go through a proxy with -x",
                "把本机接入那个网络（VPN、IPv6），或用 -x 走代理"
            ),
        )
    };
    Diagnosis::new(verdict, cause, fix).try_with(target.command.doctor())
}

/// Through a proxy there is no more than one error.
fn of_dial(target: &Target, error: &DialError) -> Option<Diagnosis> {
    let verdict = match error {
        DialError::Resolve { .. } => Verdict::DnsFailed,
        DialError::Tcp { source, .. } => match Refused::of(source).kind {
            RefusedBy::Machine => Verdict::ConnectionRefused,
            RefusedBy::Nobody => Verdict::ConnectTimeout,
            RefusedBy::Network => Verdict::NetworkUnreachable,
        },
        DialError::Proxy { .. } => Verdict::ConnectionRefused,
        DialError::Timeout { step: Step::Resolve, .. } => Verdict::DnsFailed,
        DialError::Timeout { step: Step::Tcp | Step::Proxy, .. } => Verdict::ConnectTimeout,
        _ => return None,
    };
    let fix = match target.dialer.proxy() {
        Some(proxy) => text!(
            "check that the proxy {proxy} may connect to {origin}, or go without it: -x none",
            "确认代理 {proxy} 可以连接 {origin}，或者不走代理：-x none",
            origin = target.origin
        ),
        None => text!(
            "check host and port of the URL, or go through a proxy with -x",
            "检查 URL 中的主机和端口，或用 -x 走代理"
        ),
    };
    let command = match target.dialer.proxy() {
        Some(_) => target.command.clone().with("-x", "none").doctor(),
        None => target.command.doctor(),
    };
    let cause =
        text!("The way to the server ends early: {error}.", "还没到服务器就断了：{error}。");
    Some(Diagnosis::new(verdict, cause, fix).try_with(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_guessed() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(error: &UrlError, url: &str, expect: &str) {
            assert_eq!(mended(error, url), expect);
        }
        check(&UrlError::Scheme, "h:3000/imchat", "http://h:3000/imchat");
        check(&UrlError::Scheme, "ftp://h/a", "https://h/a");
        check(&UrlError::NoHost, "http:///a", "http://example.com/a");
        check(&UrlError::Port, "ws://h:99999/a?b", "ws://h/a?b");
        check(&UrlError::Credentials, "http://me:hush@h:80/", "http://h:80/");
        check(&UrlError::Scheme, "", "http://");
    }
}
