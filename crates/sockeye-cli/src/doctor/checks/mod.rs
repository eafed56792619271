//! The checks in their order, from the URL to the heartbeat; each begins where the one before it ended.

mod engine;
mod join;
mod network;
mod paths;
mod tls;
mod watch;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::time;

use self::network::{dns, tcp};
use crate::{
    doctor::{
        found::{Found, Reception, Stranger},
        report::{Check, Report},
        target::{Checked, Target},
    },
    failure::Failure,
    secrets::Secrets,
};

/// How long all checks together may take, but for the last one.
const WHOLE: Duration = Duration::from_secs(28);
/// How long a step may take where one has been silent.
const AFTER_SILENCE: Duration = Duration::from_secs(3);
/// The least that a step gets.
const LEAST: Duration = Duration::from_millis(500);
/// How long a check may take besides, for what it does around its step.
const MOMENT: Duration = Duration::from_secs(1);

/// A server under examination.
pub(super) struct Examination<'t, 'r> {
    pub(super) target: &'t Target,
    pub(super) secrets: &'t Secrets,
    pub(super) report: &'r Report<'r>,
    pub(super) found: Found,
    pub(super) was_silent: bool,
    pub(super) wishes: Wishes,
    began: Instant,
}

/// Does all that a check does under one deadline, whatever the server does meanwhile; `None` if it is not done by then.
pub(super) async fn in_time<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    time::timeout(limit.saturating_add(MOMENT), work).await.ok()
}

/// What is wanted beside the checks.
#[derive(Debug)]
pub(crate) struct Wishes {
    /// Where to save the certificates that the server shows.
    pub(crate) save_cert: Option<PathBuf>,
    /// How long to watch connections.
    pub(crate) watch: Option<Duration>,
}

/// Looks at the server, and prints each check as it is made.
///
/// # Errors
///
/// [`Failure`]: nobody reads it.
pub(crate) async fn examine(
    checked: &Checked,
    report: &Report<'_>,
    wishes: Wishes,
) -> Result<Found, Failure> {
    let began = Instant::now();
    let target = match checked {
        Ok(target) => target,
        Err(bad) => {
            let error = &bad.error;
            let check = Check::since("url", began, false).with("error", error.to_string());
            report.check(check.note(error.to_string()))?;
            return Ok(Found::default());
        }
    };
    report.check(url(target, began))?;
    let (found, secrets) = (Found::default(), report.secrets);
    let mut examination =
        Examination { target, secrets, report, found, was_silent: false, wishes, began };
    examination.run().await?;
    Ok(examination.found)
}

impl Examination<'_, '_> {
    async fn run(&mut self) -> Result<(), Failure> {
        if !self.reach().await? || !self.secure().await? {
            return Ok(());
        }
        let sessions = self.transports().await?;
        let is_open = sessions.polling.is_some() || sessions.websocket.is_some();
        if !is_open {
            self.looks_like_tls().await?;
            if self.may_be_elsewhere() {
                self.paths().await?;
            }
        }
        self.sticky().await?;
        let Some(mut link) = self.upgrade(sessions).await? else {
            return self.skip(&["connect", "heartbeat"], "there is no session");
        };
        if !self.target.may_speak(link.opened.version) {
            in_time(self.limit(), link.close()).await;
            self.skip(&["connect", "heartbeat"], "it is not the version asked for")?;
            return self.watch_mismatched().await;
        }
        self.connect(&mut link).await?;
        self.parser().await?;
        self.heartbeat(&mut link).await?;
        let (version, transport) = (link.opened.version, link.wire.transport());
        in_time(self.limit(), link.close()).await;
        self.watch(version, transport).await
    }

    /// Whether there is a way to the server's port.
    async fn reach(&mut self) -> Result<bool, Failure> {
        if let Some(proxy) = self.target.dialer.proxy() {
            let why = format!("goes through the proxy {proxy}");
            self.skip(&["dns", "tcp"], &why)?;
            return Ok(true);
        }
        let (check, addresses) = dns(self.target).await;
        self.report.check(check)?;
        self.found.dns = Some(addresses.as_ref().map(|_| ()).map_err(Clone::clone));
        let Ok(addresses) = addresses else { return Ok(false) };
        let (check, tried) = tcp(&addresses, self.limit()).await;
        self.report.check(check)?;
        self.found.tcp = tried;
        Ok(self.found.tcp.iter().any(|tried| tried.outcome.is_ok()))
    }

    /// Whether what answers could have Engine.IO at another path.
    fn may_be_elsewhere(&self) -> bool {
        let answers = || self.found.polling.answers().chain(self.found.websocket.answers());
        let is_page = |answer: &Reception| match answer {
            Reception::Http(front) => {
                matches!(front.status, 200..=299 | 400 | 404 | 405 | 410 | 426 | 500 | 501)
            }
            Reception::Raw(..) => true,
            // A bare server of Node's has no answer where nobody listens, and cuts WebSockets.
            Reception::Silent | Reception::Stranger(Stranger::Cut) => true,
            _ => false,
        };
        !self.found.speaks_tls && !answers().any(Reception::is_engine) && answers().any(is_page)
    }

    /// How long the next step may take.
    pub(super) fn limit(&self) -> Duration {
        let each = if self.was_silent {
            self.target.timeout.min(AFTER_SILENCE)
        } else {
            self.target.timeout
        };
        each.min(WHOLE.saturating_sub(self.began.elapsed()).max(LEAST))
    }

    /// Says which checks make no sense, and why.
    pub(super) fn skip(&self, names: &[&'static str], why: &str) -> Result<(), Failure> {
        names.iter().try_for_each(|name| self.report.check(Check::skipped(name, why)))
    }
}

fn url(target: &Target, began: Instant) -> Check {
    let namespaces = target.namespaces.join(", ");
    let mut note =
        format!("{}, namespace {namespaces}, Engine.IO at {}", target.origin, target.path);
    let left_out = target.query.left_out();
    if !left_out.is_empty() {
        note += &format!("; without {}, which Engine.IO decides", left_out.join(", "));
    }
    let check = Check::since("url", began, true)
        .note(note)
        .with("host", &*target.host)
        .with("port", target.port)
        .with("tls", target.is_secure)
        .with("namespaces", target.namespaces.clone())
        .with("path", &*target.path);
    if left_out.is_empty() { check } else { check.with("leftOut", left_out.to_vec()) }
}
