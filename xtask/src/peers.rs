//! Installs the pinned npm and PyPI peers of `interop/`, each only when its pins changed, and builds those in Rust.

use std::fs;
use std::path::Path;

use crate::failure::{Context, Outcome};
use crate::place;
use crate::run::{command, run};

/// Installs all peers.
pub(crate) fn install() -> Outcome {
    packages()?;
    if !place::root().join("interop").is_dir() {
        return Ok(());
    }
    run(&mut command(
        "cargo",
        ["build", "--package", "interop-oxide", "--package", "interop-rust-client"],
    ))
}

/// Installs those of npm and PyPI.
pub(crate) fn packages() -> Outcome {
    let interop = place::root().join("interop");
    if !interop.is_dir() {
        return Ok(());
    }
    for file in place::files(&interop)? {
        match (file.file_name().and_then(|name| name.to_str()), file.parent()) {
            (Some("package-lock.json"), Some(folder)) => npm(folder)?,
            (Some("requirements.txt"), Some(folder)) if folder == interop => venv(&file, "venv")?,
            (Some("requirements.txt"), Some(folder)) => {
                let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or("other");
                venv(&file, &format!("venv-{name}"))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// `npm ci` beside the lockfile.
pub(crate) fn npm(folder: &Path) -> Outcome {
    let lock = folder.join("package-lock.json");
    let stamp = folder.join("node_modules/.sockeye-lock.json");
    if same(&lock, &stamp)? {
        return Ok(());
    }
    run(command("npm", ["ci", "--no-audit", "--no-fund"]).current_dir(folder))?;
    copy(&lock, &stamp)
}

/// A virtual environment of this name in the build folder with the pinned packages.
fn venv(requirements: &Path, name: &str) -> Outcome {
    let venv = place::target().join(name);
    let stamp = venv.join("requirements.txt");
    if same(requirements, &stamp)? {
        return Ok(());
    }
    run(command("python3", ["-m", "venv"]).arg(&venv))?;
    let pip = ["install", "--quiet", "--disable-pip-version-check", "--requirement"];
    run(command(venv.join("bin/pip"), pip).arg(requirements))?;
    copy(requirements, &stamp)
}

/// Whether the stamp of the last installation equals the pins of today.
fn same(pins: &Path, stamp: &Path) -> Outcome<bool> {
    Ok(stamp.is_file() && place::read(pins)? == place::read(stamp)?)
}

fn copy(pins: &Path, stamp: &Path) -> Outcome {
    fs::copy(pins, stamp).context(format_args!("writing {}", stamp.display())).map(drop)
}
