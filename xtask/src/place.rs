//! Where things lie: the workspace, its build folder, and the files in them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Context, Outcome};

/// Folders that hold nothing written by hand.
const NOT_OURS: &[&str] = &[".git", "node_modules", "target", "__pycache__"];

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The folder cargo builds into.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |set| root().join(set))
}

/// The text of a file, with its name in the failure.
pub(crate) fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).context(format_args!("reading {}", path.display()))
}

/// Every file below `folder` that people write, sorted.
pub(crate) fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(folder, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Outcome {
    let listing = || format!("listing {}", folder.display());
    for entry in fs::read_dir(folder).context(listing())? {
        let entry = entry.context(listing())?;
        let kind = entry.file_type().context(listing())?;
        if kind.is_file() {
            found.push(entry.path());
        } else if kind.is_dir() && !NOT_OURS.iter().any(|name| entry.file_name() == *name) {
            collect(&entry.path(), found)?;
        }
    }
    Ok(())
}
