//! A file as the rules see it: its place, its text, and its code without comments, strings and tests.

use std::path::Path;

use crate::failure::Outcome;
use crate::place;
use crate::tidy::Finding;
use crate::tidy::scrub::scrub;

/// Kinds of files that the rules read.
const READ: &[&str] = &[
    "css", "html", "js", "json", "md", "mjs", "py", "rs", "sh", "toml", "ts", "tsx", "txt", "yml",
];

/// One file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path below the workspace's folder, with `/`.
    pub(crate) path: String,
    /// Everything in it.
    pub(crate) text: String,
    /// Only for Rust: `text` with comments and literals blanked and a closing test module cut off.
    pub(crate) code: String,
}

impl Source {
    /// A file of this path and text.
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let code = if path.ends_with(".rs") { without_tests(scrub(&text)) } else { String::new() };
        Self { path, text, code }
    }

    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether all of it is test code.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.split('/').any(|part| part == "tests")
    }

    /// The crate's folder name and the module path, for a file below a crate's `src`.
    pub(crate) fn module(&self) -> Option<(&str, Vec<&str>)> {
        let path = self.path.strip_prefix("crates/").unwrap_or(&self.path);
        let (krate, file) = path.split_once("/src/")?;
        let mut module: Vec<&str> = file.strip_suffix(".rs")?.split('/').collect();
        if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
            module.pop();
        }
        Some((krate, module))
    }

    /// A finding at a byte offset of `text` or `code`.
    pub(crate) fn finding(&self, offset: usize, what: &str) -> Finding {
        let line = 1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        format!("{}:{line}: {what}", self.path)
    }
}

/// Every file of the workspace that a person wrote, and npm's lockfiles.
pub(crate) fn all() -> Outcome<Vec<Source>> {
    let mut sources = Vec::new();
    for file in place::files(place::root())? {
        let is_run = file.file_name().is_some_and(|name| name == "run");
        let kind = file.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if is_run || READ.contains(&kind) {
            sources.push(Source::new(below_root(&file), place::read(&file)?));
        }
    }
    Ok(sources)
}

fn below_root(file: &Path) -> String {
    file.strip_prefix(place::root()).unwrap_or(file).to_string_lossy().replace('\\', "/")
}

/// Cuts off a test module; by the house's order it is the last thing in a file.
fn without_tests(mut code: String) -> String {
    if let Some(at) = code.find("\n#[cfg(test)]\nmod ") {
        let is_inline = code[at..].lines().nth(2).is_some_and(|line| line.ends_with('{'));
        code.truncate(if is_inline { at + 1 } else { code.len() });
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_named_by_its_file() {
        let check = |path: &str, expect: Option<(&str, Vec<&str>)>| {
            assert_eq!(Source::new(path, "").module(), expect, "{path}");
        };
        check("crates/sockeye/src/lib.rs", Some(("sockeye", vec![])));
        check("crates/sockeye/src/net/wheel.rs", Some(("sockeye", vec!["net", "wheel"])));
        check("crates/sockeye/src/net/mod.rs", Some(("sockeye", vec!["net"])));
        check("crates/sockeye/examples/chat.rs", None);
        check("xtask/src/tidy/mod.rs", Some(("xtask", vec!["tidy"])));
        check("interop/bench/client.rs", None);
    }

    #[test]
    fn a_test_module_is_not_code() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    unsafe {}\n}\n";
        assert_eq!(Source::new("a.rs", text).code, "fn a() {}\n\n");
        let elsewhere = "fn a() {}\n\n#[cfg(test)]\nmod tests;\n";
        assert_eq!(Source::new("a.rs", elsewhere).code, elsewhere);
    }

    #[test]
    fn findings_count_lines_from_one() {
        assert_eq!(Source::new("a.rs", "x\ny").finding(2, "no"), "a.rs:2: no");
    }
}
