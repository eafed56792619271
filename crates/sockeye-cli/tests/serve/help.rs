//! The help texts.

use crate::sandbox::{Run, Sandbox};

#[test]
fn help_is_data() {
    let Run { code, stdout, stderr } = Sandbox::new("help").run(&["serve", "--help"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    // To renew it: env -i target/debug/sockeye serve --help > crates/sockeye-cli/tests/serve/help.txt
    assert_eq!(stdout, include_str!("help.txt"));
}

#[test]
fn help_shows_the_defaults() {
    let sandbox = Sandbox::new("defaults");
    let help = sandbox.run(&["serve", "-h"]).stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" "); // lines are wrapped anywhere
    let settings = sandbox.run(&["serve", "--print-config"]).stdout;
    let mut count = 0;
    for line in settings.lines().filter(|line| !line.starts_with('#')) {
        let (key, rest) = line.split_once(" = ").unwrap();
        let default = rest.strip_suffix("# default").unwrap().trim().trim_matches('"');
        let (_, about) = help.split_once(&format!("--{key} <")).unwrap();
        let about = about.split(" --").next().unwrap();
        assert!(about.contains(&format!(" [default: {default}]")), "{key}: {about}");
        count += 1;
    }
    assert_eq!(count, 18);
}

#[test]
fn version_is_data() {
    let expect = format!("sockeye {}\n", env!("CARGO_PKG_VERSION"));
    let run = Sandbox::new("version").run(&["--version"]);
    assert_eq!(run, Run { code: Some(0), stdout: expect, stderr: String::new() });
}

#[test]
fn without_a_subcommand_it_is_a_mistake() {
    let run = Sandbox::new("no-subcommand").run(&[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("Usage: sockeye <COMMAND>"), "{}", run.stderr);
}
