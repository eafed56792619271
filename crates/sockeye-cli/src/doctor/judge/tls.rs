//! The verdict on TLS, with the command line that it leads to.

use super::Diagnosis;
use crate::doctor::{
    found::Found,
    target::{Target, origin},
    tls::{self, Change},
};

/// What is wrong with the server's TLS.
pub(super) fn judge(target: &Target, found: &Found) -> Option<Diagnosis> {
    let Target { host, port, url_path, command, .. } = target;
    tls::judge(found.tls.as_ref()?, &|change| {
        // Who is believed is decided once.
        let believing = || command.clone().without("--cacert").without("--pin").without("-k");
        let to = |is_secure, host: &str| {
            command.clone().to(&format!("{}{url_path}", origin(is_secure, host, *port)))
        };
        match change {
            Change::Believe(file) => believing().with("--cacert", file),
            Change::Pin(pin) => believing().with("--pin", pin),
            Change::Host(name) => to(true, name),
            Change::NoTls => to(false, host),
            Change::Save(file) => command.clone().with("--save-cert", file),
            Change::Nothing => command.clone(),
        }
        .doctor()
    })
}
