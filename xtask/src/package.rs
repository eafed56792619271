//! `cargo xtask package`: builds every published crate from its own tarball, as a registry would hand it out.

use toml::{Table, Value};

use crate::failure::{Context, Outcome};
use crate::place;
use crate::run::{command, run};

/// Packages and builds them all; what one needs of another comes from that one's tarball.
pub(crate) fn build() -> Outcome {
    let mut arguments = vec!["package".to_owned(), "--allow-dirty".to_owned()];
    for file in place::files(&place::root().join("crates"))? {
        if file.file_name().is_some_and(|name| name == "Cargo.toml")
            && let Some(name) = published(&place::read(&file)?)?
        {
            arguments.extend(["--package".to_owned(), name]);
        }
    }
    run(&mut command(env!("CARGO"), arguments))
}

/// The name of a manifest's crate, if that is to be published.
pub(crate) fn published(manifest: &str) -> Outcome<Option<String>> {
    let manifest: Table = manifest.parse().context("parsing a Cargo.toml")?;
    let Some(package) = manifest.get("package").and_then(Value::as_table) else { return Ok(None) };
    let is_kept = package.get("publish").and_then(Value::as_bool) == Some(false);
    let name = package.get("name").and_then(Value::as_str).filter(|_| !is_kept);
    Ok(name.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_here_is_not_published() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(manifest: &str, expect: Option<&str>) {
            assert_eq!(published(manifest).unwrap().as_deref(), expect, "{manifest}");
        }
        check("package.name = 'a'", Some("a"));
        check("[package]\nname = 'a'\npublish = false", None);
        check("[workspace]", None);
    }
}
