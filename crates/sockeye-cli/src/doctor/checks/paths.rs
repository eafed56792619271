//! Where Engine.IO is, if it is not where it should be; or a WebSocket of another kind.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use sockeye_proto::wire::engine::Version;

use super::{Examination, in_time};
use crate::{
    doctor::{
        found::{Paths, Raw, Reception},
        link::Prober,
        report::Check,
    },
    failure::Failure,
};

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
/// Where raw WebSockets are, beside the path of the URL.
const RAW: [&str; 5] = ["/", "/ws", "/ws/", "/websocket", "/socket"];
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
            Reception::of_polling(prober.polling(Version::V4, None, None).await)
        }));
        let answers = answers.await;
        for answer in &answers {
            if let Some(sid) = answer.sid() {
                self.secrets.add(sid);
            }
        }
        let found = tried.iter().zip(&answers).find(|(_, answer)| answer.is_engine());
        let engine = found.map(|(path, _)| path.clone());
        let raw = match engine {
            Some(_) => None,
            None => in_time(limit, self.raw(limit)).await.flatten(),
        };
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

    /// A WebSocket that is not Engine.IO's: at the path of Engine.IO itself, at that of the URL, or at a usual one.
    async fn raw(&self, limit: Duration) -> Option<(String, Raw)> {
        for answer in self.found.websocket.answers() {
            if let Reception::Raw(_, raw) = answer {
                return Some((self.target.path.clone(), raw.clone()));
            }
        }
        let own = if self.target.url_path.is_empty() { "/" } else { &self.target.url_path };
        let others = RAW.into_iter().filter(|path| *path != own);
        let links = std::iter::once(own).chain(others).map(async |path| {
            let prober = Prober::at(self.target, self.secrets, limit, path);
            let mut link = prober.raw_websocket(path).await.ok()?;
            let answer = link.open(Version::V4, FIRST_WORD).await;
            link.close().await;
            match answer {
                Reception::Raw(_, raw) => Some((path.to_owned(), raw)),
                _ => None,
            }
        });
        join_all(links).await.into_iter().flatten().next()
    }
}

/// The paths to try, the likeliest first: the URL's own may be meant for Engine.IO's.
fn candidates(asked: &str, url_path: &str) -> Vec<String> {
    let (own, bare) = (url_path.trim_end_matches('/'), asked.trim_end_matches('/'));
    let mut all = vec![format!("{bare}/"), bare.to_owned()];
    if !own.is_empty() {
        all.extend([format!("{own}/"), format!("{own}/socket.io/"), own.to_owned()]);
        if let Some((prefix, _)) = own.rsplit_once('/').filter(|(prefix, _)| !prefix.is_empty()) {
            all.push(format!("{prefix}/socket.io/"));
        }
    }
    // Those with a prefix that --path names, too.
    let prefix = bare.rsplit_once('/').map_or("", |(prefix, _)| prefix);
    all.push(format!("{prefix}/socket.io/"));
    all.push(format!("{bare}/socket.io/"));
    all.extend(COMMON.map(str::to_owned));
    let mut seen = BTreeSet::from([asked.to_owned(), String::new()]);
    all.retain(|path| seen.insert(path.clone()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_come_first_and_none_twice() {
        let paths = candidates("/socket.io/", "/imchat");
        assert_eq!(paths[..3], ["/socket.io", "/imchat/", "/imchat/socket.io/"]);
        assert!(!paths.contains(&"/socket.io/".to_owned()), "{paths:?}");
        let paths = candidates("/x/", "/");
        assert_eq!(paths[..3], ["/x", "/socket.io/", "/x/socket.io/"]);
        let paths = candidates("/x", "/");
        assert_eq!(paths[..3], ["/x/", "/socket.io/", "/x/socket.io/"]);
        let paths = candidates("/socket.io/", "/api/v1/chat");
        assert_eq!(paths[4], "/api/v1/socket.io/");
        for asked in ["/", "/socket.io/", "/a/b"] {
            let paths = candidates(asked, "/c");
            let count = paths.iter().collect::<BTreeSet<_>>().len();
            assert!(count == paths.len() && paths.iter().all(|path| path.starts_with('/')));
        }
    }
}
