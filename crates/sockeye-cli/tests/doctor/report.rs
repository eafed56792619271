//! The report as people see it: one screen, one cause, one fix.

use crate::{sandbox::Sandbox, server::Running};

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
