//! The report as people see it: one screen, one cause, one fix.

use crate::{
    sandbox::Sandbox,
    server::Running,
    stub::{self, Request},
    terminal::Terminal,
};

#[test]
fn people_are_spoken_to_in_their_language_and_programs_in_english() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-chinese"));
    let url = running.at("/guarded");
    for variables in [&[("LANG", "zh_CN.UTF-8")][..], &[("LANG", "C"), ("LC_ALL", "zh_TW")]] {
        let run = sandbox.run_with(&["doctor", &url], variables);
        assert_eq!(run.code, Some(7), "{run:?}");
        let parts = [
            "auth-refused：命名空间不接受",
            "服务器不让我们进入 /guarded",
            "unauthorized",
            "修复  ",
            "试试  sockeye",
        ];
        let places: Vec<_> = parts.iter().map(|part| run.stdout.rfind(part).unwrap()).collect();
        assert!(places.is_sorted(), "{places:?}: {}", run.stdout);
        let json = sandbox.run_with(&["doctor", &url, "--json"], variables).stdout;
        assert!(
            !json.contains("服务器") && json.contains("The server does not let us into"),
            "{json}"
        );
    }
    let run = sandbox.run_with(&["doctor", &url], &[("LANG", "en_US.UTF-8")]);
    assert!(run.stdout.contains("The server does not let us into"), "{run:?}");
}

#[test]
fn json_does_not_rewrite_a_terminal() {
    let sandbox = Sandbox::new("doctor-terminal");
    let address = stub::listen(|mut stream| {
        let request: Request = stub::read_request(&mut stream)?;
        stub::agree(&mut stream, &request)?;
        let times = r#""pingInterval":25000,"pingTimeout":9000,"maxPayload":9"#;
        stub::say(&mut stream, &format!(r#"0{{"sid":"a","upgrades":[],{times}}}"#))?;
        stub::hear(&mut stream)?;
        stub::say(&mut stream, "44{\"message\":\"no\",\"data\":\"\u{9b}2J\u{202e}\u{200f}é\"}")?;
        stub::hear(&mut stream).map(|_| ())
    });
    let url = format!("http://{address}");
    let args = ["doctor", "--json", "--transport", "websocket", &url];
    let mut terminal = Terminal::run(sandbox.command(&args));
    let shown = terminal.expect("\"verdict\"");
    assert!(shown.contains(r#""data":"\u009b2J\u202e\u200fé""#), "{shown:?}");
    assert_eq!(terminal.code(), Some(7));
    // Whoever else reads it gets it as it is.
    let run = sandbox.run(&args);
    assert!(run.stdout.contains("\u{9b}2J\u{202e}"), "{run:?}");
}

#[test]
fn one_screen() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-report"));
    let run = sandbox.run(&["doctor", &running.at("/guarded")]);
    assert_eq!((run.code, &*run.stderr), (Some(7), ""), "{run:?}");
    let text = run.stdout;
    assert!(text.lines().count() <= 30 && !text.contains('\u{1b}'), "{text}");
    for line in
        ["✔ url", "✔ tcp", "· tls", "✔ polling-eio4", "✔ upgrade", "✘ connect", "· heartbeat"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    let parts = ["auth-refused: ", "unauthorized", "Fix  ", "Try  sockeye doctor "];
    let places: Vec<_> = parts.iter().map(|part| text.rfind(part).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}: {text}");

    let run = sandbox.run(&["doctor", &running.at("/imchat")]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stdout.contains("ok: ") && !run.stdout.contains('✘'), "{}", run.stdout);
}

#[test]
fn what_is_wrong_with_the_options_is_no_verdict() {
    let sandbox = Sandbox::new("doctor-usage");
    for args in [
        &["http://h", "--path", "x"][..],
        &["http://h", "--cacert", "/nowhere"],
        &["http://h", "--auth", "[1]"],
        &["http://h", "--bearer-cmd", "exit 3"],
        &["http://h", "--eio", "5"],
        &[],
    ] {
        let run = sandbox.run(&[&["doctor", "--json"], args].concat());
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{run:?}");
        assert!(run.stderr.starts_with("error: "), "{run:?}");
    }
}
