//! Where Engine.IO is, if it is not where it should be; or a WebSocket of another kind.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use sockeye_proto::wire::engine::Version;

use super::{
    check::Check,
    examine::Examination,
    found::Paths,
    probe::{Answer, Prober},
};
use crate::failure::Failure;

/// Where servers and proxies have it.
const COMMON: [&str; 8] = [
    "/socket.io/",
    "/ws/socket.io/",
    "/api/socket.io/",
    "/app/socket.io/",
    "/engine.io/",
    "/socketio/",
    "/socket/",
    "/ws/",
];
/// How long each may take; they are asked at once.
const LIMIT: Duration = Duration::from_secs(3);
const FIRST_WORD: Duration = Duration::from_millis(500);

impl Examination<'_, '_> {
    /// Asks at other paths.
    pub(super) async fn paths(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        let limit = self.limit().min(LIMIT);
        let tried = candidates(&self.target.path, &self.target.url_path);
        let answers = join_all(tried.iter().map(async |path| {
            let prober = Prober::at(self.target, self.secrets, limit, path);
            Answer::of_polling(prober.polling(Version::V4, None, None).await)
        }));
        let answers = answers.await;
        for answer in &answers {
            if let Answer::Open(_, opened) = answer {
                self.secrets.add(&opened.handshake.sid);
            }
        }
        let found = tried.iter().zip(&answers).find(|(_, answer)| answer.is_engine());
        let engine = found.map(|(path, _)| path.clone());
        let raw = if engine.is_some() { None } else { self.raw(limit).await };
        let note = match (&engine, &raw) {
            (Some(path), _) => format!("Engine.IO answers at {path}"),
            (None, Some((path, raw))) => format!("a raw WebSocket at {path} {}", raw.note()),
            (None, None) => format!("no Engine.IO at {}", tried.join(", ")),
        };
        let check = Check::since("paths", began, engine.is_some())
            .note(note)
            .with("tried", tried.clone())
            .with("engineIo", engine.clone())
            .with("rawWebSocket", raw.as_ref().map(|(path, _)| path.clone()));
        self.report.check(check)?;
        self.found.paths = Some(Paths { tried, engine, raw });
        Ok(())
    }

    /// A WebSocket that is not Engine.IO's: at the path of Engine.IO itself, or at that of the URL.
    async fn raw(&self, limit: Duration) -> Option<(String, super::probe::Raw)> {
        for answer in self.found.websocket.answers() {
            if let Answer::Raw(_, raw) = answer {
                return Some((self.target.path.clone(), raw.clone()));
            }
        }
        let path = if self.target.url_path.is_empty() { "/" } else { &self.target.url_path };
        let mut link =
            Prober::at(self.target, self.secrets, limit, path).raw_websocket(path).await.ok()?;
        let answer = link.open(Version::V4, FIRST_WORD).await;
        link.close().await;
        match answer {
            Answer::Raw(_, raw) => Some((path.to_owned(), raw)),
            _ => None,
        }
    }
}

/// The paths to try, the likeliest first: the URL's own may be meant for Engine.IO's.
fn candidates(asked: &str, url_path: &str) -> Vec<String> {
    let own = url_path.trim_end_matches('/');
    let mut all = Vec::new();
    if !own.is_empty() {
        all.extend([format!("{own}/"), format!("{own}/socket.io/")]);
        if let Some((prefix, _)) = own.rsplit_once('/').filter(|(prefix, _)| !prefix.is_empty()) {
            all.push(format!("{prefix}/socket.io/"));
        }
    }
    // Those with a prefix that --path names, too.
    let prefix = asked.trim_end_matches('/').rsplit_once('/').map_or("", |(prefix, _)| prefix);
    all.push(format!("{prefix}/socket.io/"));
    all.push(format!("{}/socket.io/", asked.trim_end_matches('/')));
    all.extend(COMMON.map(str::to_owned));
    let mut seen = BTreeSet::from([asked.to_owned()]);
    all.retain(|path| seen.insert(path.clone()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_come_first_and_none_twice() {
        let paths = candidates("/socket.io/", "/imchat");
        assert_eq!(paths[..2], ["/imchat/", "/imchat/socket.io/"]);
        assert!(!paths.contains(&"/socket.io/".to_owned()), "{paths:?}");
        let paths = candidates("/x/", "/");
        assert_eq!(paths[..2], ["/socket.io/", "/x/socket.io/"]);
        let paths = candidates("/socket.io/", "/api/v1/chat");
        assert_eq!(paths[2], "/api/v1/socket.io/");
    }
}
