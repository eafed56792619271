//! The help texts, the completions and the manual, all made of the same command line.

use std::{fs, path::Path, process::Command};

use crate::sandbox::{Run, Sandbox};

/// The names of all commands, as the help lists them.
fn commands(sandbox: &Sandbox) -> Vec<String> {
    let Run { code, stdout, stderr } = sandbox.run(&["--help"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let (_, list) = stdout.split_once("Commands:\n").unwrap();
    let rows = list.lines().take_while(|line| !line.is_empty());
    // A row that goes on begins with more space.
    let names = rows.filter(|row| row.starts_with("  ") && !row.starts_with("   "));
    names.map(|row| row.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn help_is_data() {
    let sandbox = Sandbox::new("help");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/serve/help");
    let mut wrong = Vec::new();
    let mut known: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    for command in commands(&sandbox) {
        let Run { code, stdout, stderr } = sandbox.run(&[&command, "--help"]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{command}");
        let name = format!("{command}.txt");
        known.retain(|known| *known != name);
        if fs::read_to_string(folder.join(&name)).unwrap_or_default() != stdout {
            wrong.push(command);
        }
    }
    let renew = "cd crates/sockeye-cli/tests/serve/help; for it in COMMANDS; do env -i sockeye $it --help > $it.txt; done";
    assert!(
        wrong.is_empty(),
        "help changed; if it is as it should be: {}",
        renew.replace("COMMANDS", &wrong.join(" "))
    );
    assert!(known.is_empty(), "help of what is no command: {known:?}");
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
    assert_eq!(count, 22);
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

#[test]
fn bash_completes() {
    let sandbox = Sandbox::new("completions");
    let run = sandbox.run(&["completions", "bash"]);
    assert_eq!((run.code, &*run.stderr), (Some(0), ""));
    sandbox.write("completions.bash", &run.stdout);
    let check = |line: &str, expect: &[&str]| {
        let script = format!(
            "source completions.bash; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _sockeye sockeye \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).current_dir(sandbox.path(""));
        let output = bash.output().unwrap();
        let found = String::from_utf8(output.stdout).unwrap();
        let found: Vec<_> = found.split_whitespace().collect();
        assert!(expect.iter().all(|word| found.contains(word)), "{line}: {found:?}");
    };
    check("sockeye em", &["emit"]);
    check("sockeye emit --tr", &["--transport"]);
    for shell in ["elvish", "fish", "powershell", "zsh"] {
        let run = sandbox.run(&["completions", shell]);
        assert!(run.code == Some(0) && run.stdout.contains("transport"), "{shell}");
    }
    assert_eq!(sandbox.run(&["completions", "csh"]).code, Some(2));
}

#[test]
fn every_command_has_a_manual_page() {
    let sandbox = Sandbox::new("manual");
    for command in commands(&sandbox) {
        let page = sandbox.run(&["man", &command]);
        assert_eq!((page.code, &*page.stderr), (Some(0), ""), "{command}");
        for section in [".TH sockeye", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS"]
        {
            assert!(page.stdout.contains(section), "{command} has no {section}:\n{}", page.stdout);
        }
        sandbox.write(&format!("{command}.1"), &page.stdout);
    }
    let page = sandbox.run(&["man"]).stdout;
    assert!(page.contains("sockeye\\-emit(1)") || page.contains("emit"), "{page}");
    sandbox.write("sockeye.1", &page);
    assert_eq!(sandbox.run(&["man", "nothing"]).code, Some(2));
    // How it looks, where there is somebody to show it.
    let mut man = Command::new("man");
    man.args(["--warnings", "-l", "emit.1"]).env("MANWIDTH", "100").current_dir(sandbox.path(""));
    if let Ok(shown) = man.output()
        && shown.status.success()
    {
        let text = String::from_utf8_lossy(&shown.stdout);
        assert!(text.contains("--wait-event"), "{text}");
        assert!(shown.stderr.is_empty(), "{shown:?}");
    }
}
