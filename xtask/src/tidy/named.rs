//! The modules that a file names, from its `use` lines and its paths.

/// Every path of the file's own crate that `code` names, as (offset, segments from the crate's root).
///
/// `module` is where the file stands, for `super`. A `use` tree gives one path per leaf.
pub(crate) fn named<'c>(code: &'c str, module: &[&'c str]) -> Vec<(usize, Vec<&'c str>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(word) = next_word(code, at) {
        at = word.end;
        let continues = code[..word.start].trim_end().ends_with("::");
        let mut prefix = match &code[word.start..word.end] {
            "crate" if !continues => Vec::new(),
            "super" if !continues => parent(module),
            _ => continue,
        };
        let mut after = word.end;
        while let Some(rest) = strip(code, after, "::super") {
            prefix.pop();
            after = rest;
        }
        if let Some(rest) = strip(code, after, "::") {
            let mut leaves = Vec::new();
            at = tree(code, rest, &prefix, &mut leaves);
            found.extend(leaves.into_iter().map(|leaf| (word.start, leaf)));
        }
    }
    found
}

struct Word {
    start: usize,
    end: usize,
}

fn parent<'c>(module: &[&'c str]) -> Vec<&'c str> {
    module[..module.len().saturating_sub(1)].to_vec()
}

/// Reads `a::b`, `a::{b, c::d}`, `a::*` or `a as b` from `at`; returns where it ends.
fn tree<'c>(code: &'c str, at: usize, prefix: &[&'c str], leaves: &mut Vec<Vec<&'c str>>) -> usize {
    if let Some(mut at) = strip(code, at, "{") {
        loop {
            at = tree(code, at, prefix, leaves);
            // A rename, or what else stands between two leaves.
            let Some(end) = code[at..].find([',', '}']) else { return code.len() };
            at += end + 1;
            let closed = code.as_bytes()[at - 1] == b'}' || strip(code, at, "}").is_some();
            if closed {
                return strip(code, at, "}")
                    .filter(|_| code.as_bytes()[at - 1] == b',')
                    .unwrap_or(at);
            }
        }
    }
    let start = at + (code[at..].len() - code[at..].trim_start().len());
    let end = start + code[start..].find(|next| !is_word(next)).unwrap_or(code.len() - start);
    let mut path = prefix.to_vec();
    if end > start && &code[start..end] != "self" {
        path.push(&code[start..end]);
    }
    match strip(code, end, "::") {
        // `Vec::<u8>` goes on with a type, which is found as a path of its own.
        Some(rest) if end > start && !code[rest..].trim_start().starts_with('<') => {
            tree(code, rest, &path, leaves)
        }
        _ => {
            leaves.push(path);
            end.max(at)
        }
    }
}

/// The offset after `token`, if that is what comes next.
fn strip(code: &str, at: usize, token: &str) -> Option<usize> {
    let rest = code[at..].trim_start();
    let after = rest.strip_prefix(token)?;
    let whole = !token.ends_with(is_word) || !after.starts_with(is_word);
    whole.then_some(code.len() - after.len())
}

fn next_word(code: &str, from: usize) -> Option<Word> {
    let start = from + code[from..].find(is_word)?;
    let end = code[start..].find(|next| !is_word(next)).map_or(code.len(), |length| start + length);
    Some(Word { start, end })
}

fn is_word(next: char) -> bool {
    next.is_alphanumeric() || next == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expect: &[&str]) {
        let found: Vec<String> = named(code, &["net", "wheel"])
            .into_iter()
            .map(|(_, segments)| segments.join("::"))
            .collect();
        assert_eq!(found, expect, "in {code:?}");
    }

    #[test]
    fn paths_and_trees_are_found() {
        check("use crate::wire::engine;", &["wire::engine"]);
        check(
            "use crate::wire::{self, ws::{Role, Input}, packet as p, };",
            &["wire", "wire::ws::Role", "wire::ws::Input", "wire::packet"],
        );
        check("use crate::{a::b, c};\nuse crate::d;", &["a::b", "c", "d"]);
        check("use crate::wire::*;", &["wire"]);
        check("fn f(x: crate::a::B<crate::c::D>) {}", &["a::B", "c::D"]);
        check("crate::a::f::<crate::b::C>()", &["a::f", "b::C"]);
        check("pub(crate) fn f() {}", &[]);
        check("use std::fmt; use tokio::net;", &[]);
    }

    #[test]
    fn super_counts_from_the_module() {
        check("use super::outbox::Outbox;", &["net::outbox::Outbox"]);
        check("use super::super::server;", &["server"]);
        check("pub(super) fn f() {}", &[]);
    }
}
