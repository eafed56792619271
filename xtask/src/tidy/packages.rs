//! What a published crate has to carry: its licences, a README, and all that it is built from.

use std::path::Path;

use crate::failure::Outcome;
use crate::package;
use crate::place;
use crate::run;
use crate::tidy::Finding;

/// In every package.
const ALWAYS: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT", "README.md"];
/// What is not code and yet needed, by crate.
const NEEDED: &[(&str, &[&str])] = &[
    (
        "sockeye-chat",
        &[
            "web/build.mjs",
            "web/icon.svg",
            "web/index.html",
            "web/package-lock.json",
            "web/src/main.tsx",
        ],
    ),
    ("sockeye-cli", &["docs/doctor/http2-only.md"]),
];

/// Asks cargo what would be in the package of this manifest, if it is one to publish.
pub(crate) fn check(manifest: &Path) -> Outcome<Vec<Finding>> {
    let Some(name) = package::published(&place::read(manifest)?)? else { return Ok(Vec::new()) };
    let list = ["package", "--list", "--allow-dirty", "--offline", "--quiet", "--package", &name];
    let listed = run::capture(&mut run::command(env!("CARGO"), list))?;
    let mut findings = missing(&name, &listed);
    for licence in &ALWAYS[..2] {
        let own = place::read(&manifest.with_file_name(licence)).unwrap_or_default();
        if own != place::read(&place::root().join(licence))? {
            findings.push(format!("{name}: its {licence} is not the workspace's; copy that"));
        }
    }
    Ok(findings)
}

fn missing(name: &str, listed: &str) -> Vec<Finding> {
    // Windows lists with the separator of its own.
    let listed: Vec<_> = listed.lines().map(|path| path.replace('\\', "/")).collect();
    let needed = NEEDED.iter().filter(|(krate, _)| *krate == name).flat_map(|(_, files)| *files);
    ALWAYS
        .iter()
        .chain(needed)
        .filter(|file| !listed.iter().any(|path| path == *file))
        .map(|file| format!("{name}: its package would be without {file}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let all = "LICENSE-APACHE\nLICENSE-MIT\nREADME.md\nsrc/lib.rs\n";
        assert_eq!(missing("sockeye", all), [""; 0]);
        let found = missing("sockeye", "LICENSE-MIT\nREADME.md\n");
        assert_eq!(found, ["sockeye: its package would be without LICENSE-APACHE"]);
        assert_eq!(missing("sockeye-chat", all).len(), 5);
        let cli = "docs\\doctor\\http2-only.md\n";
        assert_eq!(missing("sockeye-cli", &format!("{all}{cli}")), [""; 0]);
    }
}
