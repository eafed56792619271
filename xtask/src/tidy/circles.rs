//! No circle in any crate: files and folders that stand side by side do not name each other in a ring.
//!
//! What counts is the path as it is written. What a folder hands on under its own name is the folder's, so the files of a
//! folder may take from it what all of them are made of.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::Finding;
use crate::tidy::named::named;
use crate::tidy::source::Source;

/// Who names whom, of rooms that share a folder.
type Arrows<'s> = BTreeMap<&'s str, BTreeSet<&'s str>>;

/// Finds one circle in each folder that has any.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut crates: BTreeMap<&str, Vec<(Vec<&str>, &Source)>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        if let Some((krate, module)) = source.module() {
            crates.entry(krate).or_default().push((module, source));
        }
    }
    let mut findings = Vec::new();
    for (krate, files) in crates {
        for (folder, arrows) in arrows(&files) {
            if let Some(circle) = circle(&arrows) {
                let place = [&[krate], &folder[..]].concat().join("::");
                findings.push(format!("{place}: a circle: {}", circle.join(" -> ")));
            }
        }
    }
    findings
}

/// The arrows between the rooms of each folder of a crate.
fn arrows<'s>(files: &[(Vec<&'s str>, &'s Source)]) -> BTreeMap<Vec<&'s str>, Arrows<'s>> {
    let modules: BTreeSet<&[&str]> = files.iter().map(|(module, _)| &module[..]).collect();
    let mut folders: BTreeMap<Vec<&str>, Arrows<'s>> = BTreeMap::new();
    for (module, source) in files {
        for (_, path) in named(&source.code, module) {
            // The path goes on inside of a file.
            let Some(to) =
                (1..=path.len()).rev().map(|end| &path[..end]).find(|to| modules.contains(to))
            else {
                continue;
            };
            let shared = module.iter().zip(to).take_while(|(here, there)| here == there).count();
            if let (Some(from), Some(to)) =
                (module.get(shared), path.get(shared).filter(|_| to.len() > shared))
            {
                let arrows = folders.entry(module[..shared].to_vec()).or_default();
                arrows.entry(from).or_default().insert(to);
            }
        }
    }
    folders
}

/// A way from a room back to itself.
fn circle<'s>(arrows: &Arrows<'s>) -> Option<Vec<&'s str>> {
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|room| follow(room, arrows, &mut Vec::new(), &mut done))
}

fn follow<'s>(
    room: &'s str,
    arrows: &Arrows<'s>,
    way: &mut Vec<&'s str>,
    done: &mut BTreeSet<&'s str>,
) -> Option<Vec<&'s str>> {
    if let Some(at) = way.iter().position(|before| *before == room) {
        return Some([&way[at..], &[room]].concat());
    }
    if !done.insert(room) {
        return None;
    }
    way.push(room);
    let next = arrows.get(room).into_iter().flatten();
    let found = next.copied().find_map(|next| follow(next, arrows, way, done));
    way.pop();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_all(files: &[(&str, &str)], expect: &[&str]) {
        let sources: Vec<_> = files
            .iter()
            .map(|(path, code)| Source::new(format!("crates/sockeye/src/{path}"), *code))
            .collect();
        assert_eq!(check(&sources), expect, "{files:?}");
    }

    #[test]
    fn trees_have_none() {
        check_all(
            &[
                ("lib.rs", "pub use crate::a::A;"),
                ("a.rs", "use crate::b::c::C; use crate::Error;"),
                ("b/mod.rs", "use self::c::C;"),
                ("b/c.rs", "use super::Shared; use super::d::D;"),
                ("b/d.rs", "fn f() {}"),
            ],
            &[],
        );
    }

    #[test]
    fn rings_are_found_in_each_folder() {
        check_all(
            &[
                ("a.rs", "use crate::b::c::C;"),
                ("b/mod.rs", ""),
                ("b/c.rs", "use super::d::D;"),
                ("b/d.rs", "use super::e::E;"),
                ("b/e.rs", "use crate::{a, b::c::C};"),
                ("b/tests.rs", "use crate::a;"),
            ],
            &["sockeye: a circle: a -> b -> a", "sockeye::b: a circle: c -> d -> e -> c"],
        );
    }
}
