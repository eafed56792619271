//! `--explain`: the page of a verdict, in English or Chinese.

use std::{env, fmt};

use super::verdict::Verdict;

/// Embeds the pages of verdicts by their ids.
macro_rules! pages {
    ($($id:literal)+) => {
        /// Id, English, Chinese.
        const PAGES: &[(&str, &str, &str)] = &[$((
            $id,
            include_str!(concat!("../../docs/doctor/", $id, ".md")),
            include_str!(concat!("../../docs/doctor/", $id, ".zh-CN.md")),
        ),)+];
    };
}

pages! {
    "ok" "no-answer" "bad-url" "dns-failed" "connection-refused" "connect-timeout" "network-unreachable"
    "tls-self-signed" "tls-unknown-ca" "tls-missing-intermediate" "tls-expired" "tls-not-yet-valid" "tls-wrong-name"
    "tls-client-certificate-required" "tls-version" "plain-http-on-tls-port" "tls-on-plain-port" "redirect" "wrong-path"
    "not-socketio" "forbidden" "rate-limited" "http2-only" "polling-disabled" "websocket-disabled" "websocket-blocked"
    "no-sticky-sessions" "eio3-server" "eio4-only-server" "unknown-namespace" "auth-refused" "wrong-parser"
    "connect-no-reply" "server-gone" "no-heartbeat" "idle-drop" "lifetime-drop" "random-drop" "version-drop"
}

/// The page of a verdict, in the language of the environment.
pub(super) fn page(verdict: Verdict) -> &'static str {
    let page = PAGES.iter().find(|(id, ..)| *id == verdict.id());
    let (_, english, chinese) = page.unwrap_or(&("", "", "")); // never: the test below has looked
    if is_chinese(|name| env::var(name).ok()) { chinese } else { english }
}

/// As POSIX has it: the first of these that is set counts.
fn is_chinese(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable);
    locale.into_iter().find(|value| !value.is_empty()).is_some_and(|value| value.starts_with("zh"))
}

/// The name of a verdict that there is not.
#[derive(Debug)]
pub(crate) struct NoSuchVerdict(pub(super) String);

/// A name that is this much alike may have been meant.
const ALIKE: f64 = 0.8;

impl fmt::Display for NoSuchVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = || Verdict::ALL.iter().map(|verdict| verdict.id());
        let alike = |id: &&str| strsim::jaro_winkler(id, &self.0);
        let mut near: Vec<_> =
            ids().filter(|id| self.0.len() > 2 && id.contains(&self.0)).collect();
        if near.is_empty() {
            near.extend(ids().max_by(|a, b| alike(a).total_cmp(&alike(b))));
            near.retain(|id| alike(id) >= ALIKE);
        }
        if !near.is_empty() {
            write!(f, "did you mean {}? ", near.join(" or "))?;
        }
        write!(f, "The verdicts are: {}", ids().collect::<Vec<_>>().join(", "))
    }
}

impl std::error::Error for NoSuchVerdict {}

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
            assert!(english.starts_with(&format!("# {id}: {}\n", verdict.means())), "{id}");
        }
    }

    #[test]
    fn the_language_is_that_of_the_environment() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(variables: &[(&str, &str)], expect: bool) {
            let value =
                |name: &str| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
            assert_eq!(is_chinese(value), expect, "{variables:?}");
        }
        check(&[], false);
        check(&[("LANG", "zh_CN.UTF-8")], true);
        check(&[("LANG", "en_GB.UTF-8")], false);
        check(&[("LANG", "zh_CN.UTF-8"), ("LC_MESSAGES", "C")], false);
        check(&[("LANG", "C"), ("LC_MESSAGES", "zh_TW")], true);
        check(&[("LANG", "C"), ("LC_MESSAGES", "C"), ("LC_ALL", "zh")], true);
        check(&[("LANG", "zh_CN"), ("LC_ALL", "")], true);
    }

    #[test]
    fn a_name_that_is_wrong_finds_its_neighbours() {
        let said = |name: &str| NoSuchVerdict(name.to_owned()).to_string();
        assert!(said("eio3server").starts_with("did you mean eio3-server? The verdicts are: ok, "));
        assert!(said("expired").starts_with("did you mean tls-expired? "));
        assert!(said("").starts_with("The verdicts are: "));
        assert!(said("xxxxxxxxxx").starts_with("The verdicts are: "));
    }
}
