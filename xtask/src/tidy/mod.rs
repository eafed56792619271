//! `cargo xtask tidy`: the rules of the house that a compiler does not check.

mod circles;
mod crates;
mod edges;
mod errors;
mod floors;
mod heads;
mod lengths;
mod named;
mod packages;
mod scrub;
mod source;
mod words;

use crate::failure::{Failure, Outcome};
use crate::place;

/// One breach of a rule, as `path:line: what is wrong`.
type Finding = String;

/// Applies every rule to every file.
pub(crate) fn check() -> Outcome {
    let sources = source::all()?;
    let mut findings: Vec<Finding> = Vec::new();
    for source in &sources {
        findings.extend(edges::check(source));
        findings.extend(errors::check(source));
        findings.extend(floors::check(source));
        findings.extend(heads::check(source));
        findings.extend(words::check(source));
    }
    findings.extend(circles::check(&sources));
    findings.extend(lengths::check(&sources));
    for manifest in crates::manifests()? {
        findings.extend(crates::check(&place::read(&manifest)?)?);
        if manifest.starts_with(place::root().join("crates")) {
            findings.extend(packages::check(&manifest)?);
        }
    }
    if findings.is_empty() {
        eprintln!("tidy: {} files, nothing to say", sources.len());
        return Ok(());
    }
    findings.sort();
    Err(Failure::new(format!("tidy found {}:\n{}", findings.len(), findings.join("\n"))))
}
