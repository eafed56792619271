//! Builds the chat page from `web/` with npm, inside `OUT_DIR`, and writes the table of its files for `src/page.rs`.
//!
//! Each file is also there compressed, so that serving it costs no time. The source tree is only read. `SOCKEYE_PLAIN_PAGE` decides what happens without npm:
//!
//! | value | page |
//! |---|---|
//! | unset | the full page if it can be built here, else the plain page and a warning |
//! | `1` | the plain page; npm is not run |
//! | `0` | the full page, or the build fails: for releases |

#![allow(clippy::print_stdout)] // this is how a build script talks to cargo

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};

const CHOICE: &str = "SOCKEYE_PLAIN_PAGE";
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };
/// What the page is made of; `web/` also holds its tests and, on a developer's machine, `node_modules` and `dist`.
const SOURCES: [&str; 6] =
    ["build.mjs", "icon.svg", "index.html", "package.json", "package-lock.json", "src"];
const PLAIN: &str = "src/plain.html";

fn main() -> Result<(), Box<dyn Error>> {
    let crate_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={PLAIN}");
    println!("cargo::rerun-if-env-changed={CHOICE}");

    let choice = env::var(CHOICE).unwrap_or_default();
    let page = out.join("page");
    let files = match choice.as_str() {
        "1" => Vec::new(),
        "" | "0" => match build(&crate_dir.join("web"), &out.join("web"), &page) {
            Ok(files) => files,
            Err(reason) if choice.is_empty() && reason.is_of_this_machine() => {
                println!("cargo::warning=the chat page is the plain one: {reason}");
                Vec::new()
            }
            Err(reason) => {
                println!("cargo::error=the full chat page can't be built: {reason}");
                return Ok(());
            }
        },
        other => {
            println!(
                "cargo::error={CHOICE} is {other:?}; expected 1 (plain page), 0 (full page or fail), or unset"
            );
            return Ok(());
        }
    };
    let plain = fs::read_to_string(crate_dir.join(PLAIN))?;
    fs::write(out.join("page.rs"), table(&files, &out, &plain)?)?;
    Ok(())
}

/// Why there is no full page.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(
        "{NPM} is not found; for the full page install Node.js 20 or newer, then `cargo clean -p sockeye-chat` and build again"
    )]
    NoNpm,
    #[error(
        "`npm ci` could not fetch the page's packages; for the full page go online, then `cargo clean -p sockeye-chat` and \
         build again. npm said: {0}"
    )]
    Install(String),
    #[error("`npm run build` failed; this is a mistake in web/. npm said: {0}")]
    Build(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Failure {
    /// Whether another machine could build the same sources; then the plain page is good enough here.
    const fn is_of_this_machine(&self) -> bool {
        matches!(self, Self::NoNpm | Self::Install(_))
    }
}

/// Copies the sources, installs the packages, builds into `page`, and returns the names of the built files.
fn build(sources: &Path, workshop: &Path, page: &Path) -> Result<Vec<String>, Failure> {
    // A file deleted from the sources must not live on in the copy; the packages may.
    if workshop.join("src").exists() {
        fs::remove_dir_all(workshop.join("src"))?;
    }
    for name in SOURCES {
        println!("cargo::rerun-if-changed={}", sources.join(name).display());
        copy(&sources.join(name), &workshop.join(name))?;
    }
    install(workshop)?;
    let target = page.to_string_lossy();
    npm(workshop, &["run", "--silent", "build", "--", &target], Failure::Build)?;

    let mut names = Vec::new();
    for entry in fs::read_dir(page)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Runs `npm ci`, unless the same lock file is installed already: a rebuild then needs no network.
fn install(workshop: &Path) -> Result<(), Failure> {
    let wanted = fs::read(workshop.join("package-lock.json"))?;
    let stamp = workshop.join("node_modules/.installed-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    npm(
        workshop,
        &["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"],
        Failure::Install,
    )?;
    Ok(fs::write(stamp, wanted)?)
}

fn npm(workshop: &Path, args: &[&str], blame: fn(String) -> Failure) -> Result<(), Failure> {
    match Command::new(NPM).args(args).current_dir(workshop).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Failure::NoNpm),
        Err(error) => Err(error.into()),
        Ok(output) if output.status.success() => Ok(()),
        // A warning of cargo is one line.
        Ok(output) => {
            Err(blame(String::from_utf8_lossy(&output.stderr).trim().replace('\n', " | ")))
        }
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).map(drop)
}

/// Rust source: every file of the full page, the plain page, and the policy that lets only its own script run.
fn table(files: &[String], out: &Path, plain: &str) -> Result<String, Box<dyn Error>> {
    let mut rust = String::from("static FULL: &[File] = &[\n");
    for name in files {
        writeln!(rust, "    {},", entry(name, out, &format!("/page/{name}"))?)?;
    }
    fs::write(out.join("plain.html"), plain)?;
    writeln!(rust, "];\nstatic PLAIN: File = {};", entry("plain.html", out, "/plain.html")?)?;
    let script = digest(between(plain, "<script type=\"module\">", "</script>")?.as_bytes());
    let style = digest(between(plain, "<style>", "</style>")?.as_bytes());
    writeln!(
        rust,
        "const PLAIN_POLICY: &str = \"default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\";"
    )?;
    Ok(rust)
}

/// The file at `place` below `out` as it is, and compressed where that makes it smaller.
fn entry(name: &str, out: &Path, place: &str) -> Result<String, Box<dyn Error>> {
    let bytes = fs::read(format!("{}{place}", out.display()))?;
    let packed = gzip(&bytes)?;
    let gzip = if packed.len() < bytes.len() {
        let place = format!("/{name}.gz");
        fs::write(format!("{}{place}", out.display()), &packed)?;
        format!("Some({})", body(&place, &packed))
    } else {
        "None".to_owned()
    };
    Ok(format!("File {{ name: {name:?}, identity: {}, gzip: {gzip} }}", body(place, &bytes)))
}

/// Each coding has a tag of its own (RFC 9110 §8.8.3.3).
fn body(place: &str, bytes: &[u8]) -> String {
    let tag = format!("\"{}\"", digest(bytes));
    format!(
        "Body {{ bytes: include_bytes!(concat!(env!(\"OUT_DIR\"), {place:?})), etag: {tag:?} }}"
    )
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Result<&'t str, String> {
    text.split_once(start)
        .and_then(|(_, rest)| rest.split_once(end))
        .map(|(inside, _)| inside)
        .ok_or_else(|| format!("{PLAIN} has no {start}…{end}"))
}

fn digest(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha256::digest(bytes))
}
