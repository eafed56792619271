//! `cargo xtask fuzz`: libFuzzer on the stable toolchain, for every target in `fuzz/src/bin`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::failure::{Context, Failure, Outcome};
use crate::place;
use crate::run::{capture, command, run};
use crate::{peers, tools};

/// How each target runs when nothing is said.
const DEFAULT_SECONDS: u32 = 60;

/// What makes rustc count which edges run and tell libFuzzer what is compared; these are stable options.
///
/// They are those of cargo-fuzz, without its sanitizer.
const COVERAGE: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// An input that takes longer (in seconds), or a target that needs more memory (in MB), counts as a crash.
const BOUNDS: &[&str] = &["-timeout=10", "-rss_limit_mb=1024"];

/// What the smoke test does with each target: always the same, unless the machine is slow.
const SMOKE: &[&str] = &["-seed=1", "-runs=20000", "-max_total_time=3"];

/// Carries out `fuzz` with these arguments: `--smoke`, or a target or none, a file to replay, `--seconds N`, `--asan`.
pub(crate) fn fuzz(arguments: &[&str]) -> Outcome {
    if arguments == ["--smoke"] {
        return smoke().map(drop);
    }
    let (mut seconds, mut asan, mut names) = (DEFAULT_SECONDS, false, Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match *argument {
            "--asan" => asan = true,
            "--seconds" => {
                let number = arguments.next().and_then(|number| number.parse().ok());
                seconds = number.ok_or_else(|| Failure::new("--seconds needs a number"))?;
            }
            name => names.push(name),
        }
    }
    let harness = Harness::new(asan)?;
    match names[..] {
        [] => harness.run_all(&targets()?, |target| harness.run_for(target, seconds)),
        [name] => harness.run_all(&[known(name)?], |target| harness.run_for(target, seconds)),
        [name, input] => {
            let target = known(name)?;
            harness.build(std::slice::from_ref(&target))?;
            run(&mut command(harness.program(&target), [input]))
        }
        _ => Err(Failure::new(
            "usage: cargo xtask fuzz --smoke | [TARGET [FILE]] [--seconds N] [--asan]",
        )),
    }
}

/// Replays the seeds of every target and runs some thousand inputs made from them; gives how many targets there are.
pub(crate) fn smoke() -> Outcome<usize> {
    let harness = Harness::new(false)?;
    let targets = targets()?;
    harness.run_all(&targets, |target| harness.run(target, &harness.empty(target)?, SMOKE))?;
    Ok(targets.len())
}

/// Where a build lies, and how it is made.
#[derive(Debug)]
struct Harness {
    host: String,
    folder: PathBuf,
    asan: bool,
}

impl Harness {
    /// Makes sure of what the targets need beside Rust.
    fn new(asan: bool) -> Outcome<Self> {
        tools::node()?;
        peers::npm(&place::root().join("interop"))?;
        let rustc = capture(&mut command("rustc", ["--version", "--verbose"]))?;
        let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.ok_or_else(|| Failure::new("rustc does not say what its host is"))?;
        // Beside the usual builds, which these flags would throw away.
        let folder = place::target().join(if asan { "fuzz-asan" } else { "fuzz" });
        Ok(Self { host: host.to_owned(), folder, asan })
    }

    fn build(&self, targets: &[String]) -> Outcome {
        let mut flags = COVERAGE.to_vec();
        // With `--target`, build scripts and macros go without the flags.
        let mut build = command("cargo", ["build", "--release", "--target", &self.host]);
        build.args(["--manifest-path", "fuzz/Cargo.toml", "--target-dir"]).arg(&self.folder);
        if self.asan {
            flags.push("-Zsanitizer=address");
            // Lets the stable compiler take a flag of nightly; the runtime comes with it.
            build.env("RUSTC_BOOTSTRAP", "1");
        }
        build.args(targets.iter().map(|target| format!("--bin={target}")));
        run(build.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")))
    }

    fn run_all(&self, targets: &[String], one: impl Fn(&str) -> Outcome<String>) -> Outcome {
        self.build(targets)?;
        let mut failures = Vec::new();
        for target in targets {
            match one(target) {
                Ok(summary) => eprintln!("fuzz: {target}: {summary}"),
                Err(failure) => failures.push(failure.to_string()),
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures.join("\n"))) }
    }

    /// Goes on from what earlier runs found.
    fn run_for(&self, target: &str, seconds: u32) -> Outcome<String> {
        let corpus = self.subfolder("corpus", target)?;
        self.run(target, &corpus, &[&format!("-max_total_time={seconds}")])
    }

    /// Runs a target from its seeds; new finds go to `corpus`, an input that crashes it to `artifacts`.
    fn run(&self, target: &str, corpus: &Path, arguments: &[&str]) -> Outcome<String> {
        let log = self.subfolder("logs", "")?.join(target);
        let artifacts = self.subfolder("artifacts", target)?;
        let file = fs::File::create(&log).context(format_args!("writing {}", log.display()))?;
        let running = format!("running {target}");
        let status = command(self.program(target), BOUNDS)
            .args(self.asan.then_some("-malloc_limit_mb=64"))
            .args(arguments)
            .args(["-print_final_stats=1", "-detect_leaks=0"])
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg(corpus)
            .arg(seeds(target))
            .stdout(Stdio::null())
            .stderr(file)
            .status()
            .context(&running)?;
        let said = fs::read(&log).context(format_args!("reading {}", log.display()))?;
        let said = String::from_utf8_lossy(&said);
        if status.success() {
            return summary(&said).ok_or_else(|| {
                let what =
                    "no coverage was counted: does rustc know the flags in xtask/src/fuzz.rs?";
                Failure::new(format!("{target}: {what} All it said is in {}", log.display()))
            });
        }
        let findings = findings(&said);
        Err(Failure::new(format!(
            "{target}: {status}; all it said is in {}\n{findings}",
            log.display()
        )))
    }

    fn program(&self, target: &str) -> PathBuf {
        self.folder.join(&self.host).join("release").join(target)
    }

    /// A folder that nothing has been found in.
    fn empty(&self, target: &str) -> Outcome<PathBuf> {
        let folder = self.subfolder("smoke", target)?;
        fs::remove_dir_all(&folder).context(format_args!("emptying {}", folder.display()))?;
        self.subfolder("smoke", target)
    }

    fn subfolder(&self, kind: &str, target: &str) -> Outcome<PathBuf> {
        let folder = self.folder.join(kind).join(target);
        fs::create_dir_all(&folder).context(format_args!("making {}", folder.display()))?;
        Ok(folder)
    }
}

/// The names of all targets.
fn targets() -> Outcome<Vec<String>> {
    let files = place::files(&place::root().join("fuzz/src/bin"))?;
    let stem = |file: &PathBuf| Some(file.file_stem()?.to_str()?.to_owned());
    Ok(files.iter().filter_map(stem).collect())
}

fn known(name: &str) -> Outcome<String> {
    let targets = targets()?;
    let no_such = || Failure::new(format!("no target {name:?}; there are {}", targets.join(", ")));
    targets.iter().find(|target| *target == name).cloned().ok_or_else(no_such)
}

/// What the tree has for a target to begin with.
fn seeds(target: &str) -> PathBuf {
    place::root().join("fuzz/seeds").join(target)
}

/// How far a run came, from what libFuzzer said; `None` if it was not led by coverage.
fn summary(said: &str) -> Option<String> {
    let number = |before: &str| {
        let (_, rest) = said.rsplit_once(before)?;
        rest.split_whitespace().next()
    };
    let runs = number("stat::number_of_executed_units:")?;
    let (edges, features) = (number(" cov: ")?, number(" ft: ")?);
    Some(format!("{runs} runs, {edges} edges, {features} features"))
}

/// What a person needs to know of a run that failed.
fn findings(said: &str) -> String {
    let mut findings = Vec::new();
    let mut lines = said.lines().peekable();
    while let Some(line) = lines.next() {
        if line.contains("panicked at") {
            findings.push(line);
            // The message, up to where the backtrace begins.
            while let Some(more) = lines.next_if(|line| !line.starts_with("stack backtrace")) {
                if more.is_empty() || more.starts_with("note:") || more.starts_with("==") {
                    break;
                }
                findings.push(more);
            }
        } else if line.starts_with("==") && line.contains("ERROR") || line.contains("Test unit") {
            findings.push(line);
        }
    }
    findings.push("repeat it: cargo xtask fuzz TARGET FILE");
    findings.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_summed_up_by_its_last_numbers() {
        let said = "#2\tINITED cov: 35 ft: 36 corp: 1/1b\n#9\tDONE   cov: 53 ft: 84 corp: 4/5b\n\
                    Done 9 runs in 1 second(s)\nstat::number_of_executed_units: 9\n";
        assert_eq!(summary(said).as_deref(), Some("9 runs, 53 edges, 84 features"));
        let blind = "#49\tINITED exec/s: 0\nstat::number_of_executed_units: 9\n";
        assert_eq!(summary(blind), None);
    }

    #[test]
    fn a_crash_is_told_with_its_message_and_its_input() {
        let said = "#2\tNEW cov: 1\n\nthread '<unnamed>' (7) panicked at src/bin/a.rs:1:2:\nassertion failed\n  left: 1\n\
                    stack backtrace:\n   0: x\n==7== ERROR: libFuzzer: deadly signal\nNOTE: x\n\
                    artifact_prefix='a/'; Test unit written to a/crash-1\n";
        assert_eq!(
            findings(said).lines().collect::<Vec<_>>(),
            [
                "thread '<unnamed>' (7) panicked at src/bin/a.rs:1:2:",
                "assertion failed",
                "  left: 1",
                "==7== ERROR: libFuzzer: deadly signal",
                "artifact_prefix='a/'; Test unit written to a/crash-1",
                "repeat it: cargo xtask fuzz TARGET FILE",
            ]
        );
    }

    #[test]
    fn every_target_has_seeds() {
        for target in targets().unwrap() {
            assert!(!place::files(&seeds(&target)).unwrap().is_empty(), "{target} has none");
        }
    }
}
