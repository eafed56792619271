//! `--explain`: the page of a verdict, in English or Chinese.

use super::{language::Language, verdict::Verdict};

/// Embeds the pages of verdicts by their ids.
macro_rules! pages {
    ($($id:literal)+) => {
        /// Id, English, Chinese.
        const PAGES: &[(&str, &str, &str)] = &[$((
            $id,
            include_str!(concat!("../../../docs/doctor/", $id, ".md")),
            include_str!(concat!("../../../docs/doctor/", $id, ".zh-CN.md")),
        ),)+];
    };
}

pages! {
    "ok" "no-answer" "bad-url" "dns-failed" "connection-refused" "connect-timeout" "network-unreachable"
    "tls-self-signed" "tls-unknown-ca" "tls-missing-intermediate" "tls-expired" "tls-not-yet-valid" "tls-wrong-name"
    "tls-client-certificate-required" "tls-version" "plain-http-on-tls-port" "tls-on-plain-port" "redirect" "wrong-path"
    "not-socketio" "forbidden" "rate-limited" "http2-only" "polling-disabled" "websocket-disabled" "websocket-blocked"
    "no-sticky-sessions" "eio3-server" "eio4-only-server" "unknown-namespace" "auth-refused" "silent-namespace"
    "broken-handshake" "ping-flood" "wrong-parser" "connect-no-reply" "server-gone" "no-heartbeat" "idle-drop" "lifetime-drop" "random-drop" "version-drop"
}

/// The page of a verdict.
pub(crate) fn page(verdict: Verdict, language: Language) -> &'static str {
    let page = PAGES.iter().find(|(id, ..)| *id == verdict.id());
    let (_, english, chinese) = page.unwrap_or(&("", "", "")); // never: the test below has looked
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// What a verdict means, in a few words: the title of its page.
pub(super) fn title(verdict: Verdict, language: Language) -> &'static str {
    let line = page(verdict, language).lines().next().unwrap_or_default();
    line.split_once([':', '：']).map_or("", |(_, title)| title.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_has_its_pages() {
        const HEADINGS: [[&str; 4]; 2] = [
            ["What it means", "How it arises", "How clients show it", "What to do"],
            ["含义", "成因", "各客户端的表现", "怎么办"],
        ];
        assert!(
            Verdict::ALL.iter().map(|verdict| verdict.id()).eq(PAGES.iter().map(|page| page.0))
        );
        for (id, english, chinese) in PAGES {
            let verdict: Verdict = id.parse().unwrap();
            let exits = [
                format!("Exit code {}.", verdict.exit() as u8),
                format!("退出码：{}。", verdict.exit() as u8),
            ];
            for ((page, headings), exit) in [english, chinese].iter().zip(HEADINGS).zip(exits) {
                assert!(page.starts_with(&format!("# {id}")), "{id}");
                assert!(page.contains(&format!("\n\n{exit}\n\n")), "{id}: {exit}");
                let found: Vec<_> =
                    page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
                assert_eq!(found, headings, "{id}");
            }
            for language in [Language::English, Language::Chinese] {
                assert!(!title(verdict, language).is_empty(), "{id}");
            }
        }
    }
}
