//! What somebody wants to know who has just started a server: where to open it, what it keeps, who can come.

use std::{
    io::{self, IsTerminal as _},
    net::SocketAddr,
};

use crate::{log::Format, output::Output};

/// Says it: to a person as talk, to others as log lines.
pub(super) fn welcome(
    output: &Output,
    scheme: &str,
    address: SocketAddr,
    is_echo: bool,
    format: Format,
) {
    let lines = lines(scheme, address, is_echo);
    if io::stderr().is_terminal() && format == Format::Text {
        for line in lines {
            output.talk(&format!("  {line}"));
        }
    } else {
        for line in lines {
            tracing::info!("{line}");
        }
    }
}

fn lines(scheme: &str, address: SocketAddr, is_echo: bool) -> Vec<String> {
    let port = address.port();
    let here = match address.ip() {
        ip if ip.is_unspecified() => format!("{scheme}://localhost:{port}"),
        _ => format!("{scheme}://{address}"),
    };
    let mut lines = Vec::new();
    if is_echo {
        lines.push(format!("try it: sockeye emit {here} echo hello --ack"));
        lines.push("it keeps nothing".to_owned());
    } else {
        lines.push(format!("open {here} in a browser; in a second window you are a second person"));
        lines.push("it keeps nothing: rooms and messages are gone when it ends".to_owned());
    }
    lines.push(if address.ip().is_loopback() {
        format!(
            "only this machine can connect; to invite other devices, start it with --listen 0.0.0.0:{port}: then \
             everybody who can reach this machine may come in, at {scheme}://THIS-MACHINE:{port}"
        )
    } else if address.ip().is_unspecified() {
        format!(
            "everybody who can reach this machine may come in, at {scheme}://THIS-MACHINE:{port}; to keep to this \
             machine, start it with --listen 127.0.0.1:{port}"
        )
    } else {
        format!("everybody who can reach this address may come in, at {here}")
    });
    if scheme == "http" && !address.ip().is_loopback() {
        lines.push(
            "what they say can be read on the way; for https give --tls-cert and --tls-key"
                .to_owned(),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_who_can_come() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(scheme: &str, address: &str, is_echo: bool, words: &[&str]) {
            let lines = lines(scheme, address.parse().unwrap(), is_echo).join("\n");
            for words in words {
                assert!(lines.contains(words), "{words:?} is not in:\n{lines}");
            }
        }
        check(
            "http",
            "127.0.0.1:3000",
            false,
            &["open http://127.0.0.1:3000 in", "keeps nothing", "--listen 0.0.0.0:3000"],
        );
        check("http", "0.0.0.0:3000", false, &["open http://localhost:3000 in", "--tls-cert"]);
        check("https", "[::]:443", false, &["https://localhost:443", "--listen 127.0.0.1:443"]);
        check("http", "192.0.2.1:80", true, &["emit http://192.0.2.1:80 echo", "this address"]);
    }
}
