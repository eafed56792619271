//! Flags, environment, file, defaults: who wins, and how it is shown.

use crate::sandbox::{Run, Sandbox};

/// The line of `--print-config` about one setting, without the blanks between value and source.
fn shown(run: &Run, key: &str) -> String {
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    let start = format!("{key} = ");
    let line = run.stdout.lines().find(|line| line.starts_with(&start)).unwrap();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn defaults_are_shown_with_their_source() {
    let run = Sandbox::new("settings-default").run(&["serve", "--print-config"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        run.stdout,
        r#"# No file was read.
listen = "127.0.0.1:3000"         # default
#tls-cert =                       # default
#tls-key =                        # default
header-timeout = "10s"            # default
write-timeout = "30s"             # default
progress = "16KiB/30s"            # default
#max-connections =                # default
#max-connections-per-address =    # default
trusted-proxies = "none"          # default
drain = "10s"                     # default
max-sessions = 100000             # default
max-sessions-per-address = 10000  # default
origins = "same"                  # default
ping-interval = "25s"             # default
ping-timeout = "20s"              # default
connect-timeout = "45s"           # default
max-payload = "1MB"               # default
max-namespaces = 100              # default
outbox-packets = 65536            # default
outbox-bytes = "16MiB"            # default
backlog-events = 256              # default
backlog-bytes = "1MiB"            # default
backlog-pause = "1m"              # default
log = "info"                      # default
log-format = "text"               # default
color = "auto"                    # default
"#
    );
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file() {
    let sandbox = Sandbox::new("settings-precedence");
    sandbox.write("sockeye.toml", "\nping-interval = \"2s\"\n");
    let print = ["serve", "--print-config"];
    let key = "ping-interval";

    let file = sandbox.run(&print);
    assert_eq!(shown(&file, key), r#"ping-interval = "2s" # file, line 2"#);
    assert!(file.stdout.starts_with("# The file is sockeye.toml.\n"), "{}", file.stdout);

    let variables = [("SOCKEYE_PING_INTERVAL", "3s")];
    let environment = sandbox.run_with(&print, &variables);
    let expect = r#"ping-interval = "3s" # environment SOCKEYE_PING_INTERVAL"#;
    assert_eq!(shown(&environment, key), expect);

    let flag = sandbox.run_with(&[&print[..], &["--ping-interval", "4s"]].concat(), &variables);
    assert_eq!(shown(&flag, key), r#"ping-interval = "4s" # flag --ping-interval"#);
    assert_eq!(shown(&flag, "drain"), r#"drain = "10s" # default"#);
}

#[test]
fn the_file_can_be_named() {
    let sandbox = Sandbox::new("settings-named");
    sandbox.write("sockeye.toml", "drain = \"1s\"");
    sandbox.write("other.toml", "drain = \"2s\"");
    sandbox.write("third.toml", "drain = \"3s\"");
    let environment = [("SOCKEYE_CONFIG", "other.toml")];

    let run = sandbox.run_with(&["serve", "--print-config"], &environment);
    assert_eq!(shown(&run, "drain"), r#"drain = "2s" # file, line 1"#);
    let flag = ["serve", "--print-config", "--config", "third.toml"];
    let run = sandbox.run_with(&flag, &environment);
    assert_eq!(shown(&run, "drain"), r#"drain = "3s" # file, line 1"#);
}

#[test]
fn what_is_printed_can_be_read_again() {
    let sandbox = Sandbox::new("settings-round-trip");
    sandbox.write("conf/sockeye.toml", "tls-cert = \"cert.pem\"\nmax-payload = 1048576");
    let flags = ["--tls-key", "key \"1\".pem", "--log", "warn,sockeye::engine=debug"];
    let args = [&["serve", "--print-config", "--config", "conf/sockeye.toml"], &flags[..]].concat();
    let first = sandbox.run(&args);
    // A path in a file is relative to that file, one in a flag to the current folder.
    let cert = format!("tls-cert = {:?} # file, line 1", sandbox.path("conf/cert.pem"));
    let key = format!("tls-key = '{}' # flag --tls-key", sandbox.path("key \"1\".pem"));
    assert_eq!(shown(&first, "tls-cert"), cert);
    assert_eq!(shown(&first, "tls-key"), key);
    assert_eq!(shown(&first, "max-payload"), r#"max-payload = "1MiB" # file, line 2"#);

    sandbox.write("elsewhere/printed.toml", &first.stdout);
    let second = sandbox.run(&["serve", "--print-config", "--config", "elsewhere/printed.toml"]);
    let values = |run: &Run| {
        let values = run.stdout.lines().skip(1).map(|line| line.rsplit_once("  # ").unwrap().0);
        values.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(values(&first), values(&second));
    assert_eq!(second.stdout.matches("file, line").count(), 24);
}

#[cfg(target_os = "linux")]
#[test]
fn a_broken_pipe_is_success() {
    use std::process::Stdio;

    let sandbox = Sandbox::new("settings-pipe");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = sandbox.command(&["serve", "--print-config"]);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));

    // A full disk is not.
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command.stdout(full).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.starts_with("error: standard output: No space left"), "{stderr}");
}
