//! The checks in their order, from the URL to the heartbeat; each begins where the one before it ended.

use std::time::Instant;

use super::{
    check::Check,
    found::Found,
    network::{dns, tcp},
    report::Report,
    target::{Checked, Target},
};
use crate::failure::Failure;

/// Looks at the server, and prints each check as it is made.
///
/// # Errors
///
/// [`Failure`]: nobody reads it.
pub(crate) async fn examine(checked: &Checked, report: &Report<'_>) -> Result<Found, Failure> {
    let mut found = Found::default();
    let began = Instant::now();
    let target = match checked {
        Ok(target) => target,
        Err((error, _)) => {
            let check = Check::since("url", began, false).with("error", error.to_string());
            report.check(check.note(error.to_string()))?;
            return Ok(found);
        }
    };
    report.check(url(target, began))?;
    if reach(target, report, &mut found).await? {
        secure(target, report, &mut found).await?;
    }
    Ok(found)
}

fn url(target: &Target, began: Instant) -> Check {
    let namespaces = target.namespaces.join(", ");
    Check::since("url", began, true)
        .note(format!("{}, namespace {namespaces}, Engine.IO at {}", target.origin, target.path))
        .with("host", &*target.host)
        .with("port", target.port)
        .with("tls", target.is_secure)
        .with("namespaces", target.namespaces.clone())
        .with("path", &*target.path)
}

/// Whether there is a way to the server's port.
async fn reach(target: &Target, report: &Report<'_>, found: &mut Found) -> Result<bool, Failure> {
    if let Some(proxy) = target.dialer.proxy() {
        let why = format!("goes through the proxy {proxy}");
        report.check(Check::skipped("dns", &why))?;
        report.check(Check::skipped("tcp", &why))?;
        return Ok(true);
    }
    let (check, addresses) = dns(target).await;
    report.check(check)?;
    found.dns = Some(addresses.as_ref().map(|_| ()).map_err(Clone::clone));
    let Ok(addresses) = addresses else { return Ok(false) };
    let (check, tried) = tcp(&addresses, target.timeout).await;
    report.check(check)?;
    found.tcp = tried;
    Ok(found.tcp.iter().any(|tried| tried.outcome.is_ok()))
}

/// Whether TLS can be agreed on, where there is to be any.
async fn secure(target: &Target, report: &Report<'_>, found: &mut Found) -> Result<bool, Failure> {
    if !target.is_secure && target.dialer.proxy().is_none() {
        report.check(Check::skipped("tls", "the URL asks for none"))?;
        return Ok(true);
    }
    let began = Instant::now();
    let dialed = target.dialer.dial().await;
    let mut check = Check::since("tls", began, dialed.is_ok());
    if let Err(error) = dialed {
        check = check.note(error.to_string()).with("error", error.to_string());
        found.dial = Some(error);
    }
    report.check(check)?;
    Ok(found.dial.is_none())
}
