//! The pages of the verdicts: the command prints them, and their index leads to where a text is quoted.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::sandbox::Sandbox;

#[test]
fn they_are_printed_in_the_language_of_the_environment() {
    let sandbox = Sandbox::new("explain");
    let mut count = 0;
    for (language, ending) in [("C.UTF-8", ".md"), ("zh_CN.UTF-8", ".zh-CN.md")] {
        for id in ids() {
            let page = fs::read_to_string(folder().join(format!("{id}{ending}"))).unwrap();
            let run = sandbox.run_with(&["doctor", "--explain", &id], &[("LANG", language)]);
            assert_eq!((run.code, &*run.stdout, &*run.stderr), (Some(0), &*page, ""), "{id}");
            count += 1;
        }
    }
    assert_eq!(count, 2 * 42);
}

#[test]
fn a_wrong_name_is_answered_with_the_right_ones() {
    let run = Sandbox::new("explain-wrong").run(&["doctor", "--explain", "eio3"]);
    assert_eq!((run.code, &*run.stdout), (Some(2), ""));
    for text in ["--explain", "did you mean eio3-server", "no-sticky-sessions"] {
        assert!(run.stderr.contains(text), "{run:?}");
    }
}

#[test]
fn the_index_leads_to_where_a_text_is_quoted() {
    for (index, ending) in [("README.md", ".md"), ("README.zh-CN.md", ".zh-CN.md")] {
        let text = fs::read_to_string(folder().join(index)).unwrap();
        let mut links = 0;
        for row in text.lines().filter(|line| line.starts_with("| `")) {
            let (quoted, verdicts) = row.trim_matches(['|', ' ']).split_once(" | ").unwrap();
            for link in verdicts.split("](").skip(1) {
                let file = link.split(')').next().unwrap();
                let page = fs::read_to_string(folder().join(file)).unwrap();
                assert!(page.contains(quoted.trim_matches('`')), "{file} does not quote {quoted}");
                links += 1;
            }
        }
        assert!(links > 60, "{index}: {links}");
        for id in ids() {
            let page = folder().join(format!("{id}{ending}"));
            let page = fs::read_to_string(page).unwrap();
            let (_, title) = page.lines().next().unwrap().split_once([':', '：']).unwrap();
            let row = format!("| [{id}]({id}{ending}) | {} |", title.trim());
            assert!(text.contains(&row), "{index} has no line {row}");
        }
    }
}

#[test]
fn no_link_between_pages_leads_nowhere() {
    let mut links = 0;
    for page in crate::pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || link.contains("://") || link.contains(' ') {
                continue;
            }
            let found = page.with_file_name(file);
            assert!(found.exists(), "{} leads to {link}", page.display());
            links += 1;
        }
    }
    assert!(links > 300, "{links}");
}

/// Where the pages lie: in the package of the command, which embeds them.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/doctor")
}

/// The verdicts that have a page.
fn ids() -> Vec<String> {
    let files = fs::read_dir(folder()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let ids = names.filter_map(|name| name.strip_suffix(".md").map(str::to_owned));
    ids.filter(|id| !id.contains('.') && id != "README").collect()
}
