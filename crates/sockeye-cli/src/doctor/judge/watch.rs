//! The verdict on links that were watched, with the command line that it leads to.

use super::Diagnosis;
use crate::doctor::{found::Found, target::Target, verdict::Verdict, watch};

/// Why links were lost. That comes before all that was seen of others, for it was seen last.
pub(super) fn judge(target: &Target, found: &Found) -> Option<Diagnosis> {
    let diagnosis = watch::judge(found.watched.as_ref()?)?;
    let command = match diagnosis.verdict {
        Verdict::VersionDrop => target.command.clone().with("--eio", "3").listen(),
        _ => target.command.doctor(),
    };
    Some(diagnosis.try_with(command))
}
