//! The pages of the verdicts: the command prints them, and their index leads to where a text is quoted.

use std::fs;

use crate::{root, sandbox::Sandbox};

#[test]
fn they_are_printed_in_the_language_of_the_environment() {
    let sandbox = Sandbox::new("explain");
    let mut count = 0;
    for (language, ending) in [("C.UTF-8", ".md"), ("zh_CN.UTF-8", ".zh-CN.md")] {
        for id in ids() {
            let page =
                fs::read_to_string(root().join(format!("docs/doctor/{id}{ending}"))).unwrap();
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
        let text = fs::read_to_string(root().join("docs/doctor").join(index)).unwrap();
        let mut links = 0;
        for row in text.lines().filter(|line| line.starts_with("| `")) {
            let (quoted, verdicts) = row.trim_matches(['|', ' ']).split_once(" | ").unwrap();
            for link in verdicts.split("](").skip(1) {
                let file = link.split(')').next().unwrap();
                let page = fs::read_to_string(root().join("docs/doctor").join(file)).unwrap();
                assert!(page.contains(quoted.trim_matches('`')), "{file} does not quote {quoted}");
                links += 1;
            }
        }
        assert!(links > 60, "{index}: {links}");
        for id in ids() {
            let page = root().join(format!("docs/doctor/{id}{ending}"));
            let page = fs::read_to_string(page).unwrap();
            let (_, title) = page.lines().next().unwrap().split_once([':', '：']).unwrap();
            let row = format!("| [{id}]({id}{ending}) | {} |", title.trim());
            assert!(text.contains(&row), "{index} has no line {row}");
        }
    }
}

/// The verdicts that have a page.
fn ids() -> Vec<String> {
    let files = fs::read_dir(root().join("docs/doctor")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let ids = names.filter_map(|name| name.strip_suffix(".md").map(str::to_owned));
    ids.filter(|id| !id.contains('.') && id != "README").collect()
}
