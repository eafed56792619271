//! From what was found to one verdict: pure, so that every order of precedence can be tested.

mod engine;
mod front;
mod join;
mod network;
#[cfg(test)]
mod tests;
mod tls;
mod token;
mod watch;

use super::{
    found::Found,
    report::{Diagnosis, Text, Verdict},
    target::{Checked, Target},
};

/// The verdict. What lies below comes first: a name without an address explains everything above it.
pub(crate) fn judge(checked: &Checked, found: &Found) -> Diagnosis {
    let target = match checked {
        Ok(target) => target,
        Err(bad) => return network::bad_url(bad),
    };
    let blocking = network::judge(target, found)
        .or_else(|| tls::judge(target, found))
        .or_else(|| watch::judge(target, found))
        .or_else(|| engine::flood(target, found))
        .or_else(|| front::judge(target, found))
        .or_else(|| engine::blocking(target, found))
        .or_else(|| join::judge(target, found));
    let remarks = engine::remarks(target, found);
    let is_sound = blocking.is_none();
    let mut diagnosis = match blocking {
        Some(diagnosis) => diagnosis,
        // What stands in the way of nothing is the verdict only if nothing does.
        None => remarks.first().cloned().unwrap_or_else(|| sound(target)),
    };
    let others = remarks.into_iter().filter(|remark| remark.verdict != diagnosis.verdict);
    let old = engine::old_version(target, found);
    let warnings: Vec<_> = old.into_iter().chain(others).collect();
    diagnosis.warnings.extend(warnings);
    if let Some(silent) = join::silent(target, found).filter(|_| is_sound) {
        // Where something may come is the better place to listen.
        diagnosis.command = silent.command.clone().or(diagnosis.command);
        diagnosis.warnings.push(silent);
    }
    diagnosis
}

/// Nothing is wrong.
fn sound(target: &Target) -> Diagnosis {
    Diagnosis::new(Verdict::Ok, Text::default(), Text::default()).try_with(target.command.listen())
}
