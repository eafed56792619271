//! What the docs show is true: each of their console blocks is what running it prints.
//!
//! `SOCKEYE_DOCS=write cargo test -p sockeye-cli --test docs` writes the outputs anew; read the difference then.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod old_server;
mod page;
#[allow(dead_code, reason = "it is made for `serve`")]
#[path = "../serve/sandbox.rs"]
mod sandbox;
mod verdicts;
mod world;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use world::World;

#[test]
fn every_console_block_is_what_running_it_prints() {
    let world = World::start();
    let is_writing = env::var_os("SOCKEYE_DOCS").is_some_and(|what| what == "write");
    let mut stale = String::new();
    for path in pages() {
        let text = fs::read_to_string(&path).unwrap();
        let is_recording = path.extension().is_some_and(|extension| extension == "txt");
        let fresh = if is_recording {
            world.run(&text)
        } else {
            page::with_blocks(&text, |block| world.run(block))
        };
        if is_writing {
            fs::write(&path, &fresh).unwrap();
        } else if fresh != text {
            stale += &format!("{}\n{}", path.display(), page::difference(&text, &fresh));
        }
    }
    assert!(stale.is_empty(), "SOCKEYE_DOCS=write writes them anew:\n{stale}");
}

/// Everything that people read, the changelog aside.
fn pages() -> Vec<PathBuf> {
    let root = root();
    let mut pages = vec![root.join("README.md"), root.join("README.zh-CN.md")];
    for folder in ["docs", "docs/guide", "crates/sockeye-cli/docs/doctor"] {
        let files = fs::read_dir(root.join(folder)).unwrap().map(|file| file.unwrap().path());
        pages.extend(
            files.filter(|path| path.extension().is_some_and(|it| it == "md" || it == "txt")),
        );
    }
    pages.sort();
    pages
}

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
