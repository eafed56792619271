//! Engine.IO at another path than the one that was asked for.

use crate::{
    examined::examine,
    sandbox::Sandbox,
    server::Running,
    stub::{Passed, proxy, response},
};

/// Our server behind a proxy that has it at this path.
fn at(running: &Running, path: &'static str) -> String {
    proxy(&running.url, move |request| {
        if !request.has(path) {
            return Passed::Answered(response("404 Not Found", "", "<h1>Not Found</h1>"));
        }
        Passed::On(request.head.replacen(path, "/socket.io/", 1))
    })
}

#[test]
fn the_common_ones_are_tried() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-paths"));
    for path in ["/ws/socket.io/", "/api/socket.io/", "/engine.io/"] {
        let url = format!("{}/imchat", at(&running, path));
        let examined = examine(&sandbox, &[&url]).is("wrong-path", 5);
        let examined = examined.checks(&[("polling-eio4", Some(false)), ("paths", Some(true))]);
        let flag = format!("--path {path}");
        examined.says("cause", &[path]).says("command", &[&url, &flag]).fix_works(&sandbox);
    }
}

#[test]
fn the_path_of_the_url_may_be_meant() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-path-url"));
    let url = at(&running, "/realtime/v1/");
    let examined = examine(&sandbox, &[&format!("{url}/realtime/v1")]).is("wrong-path", 5);
    let command = format!("sockeye listen {url} --path /realtime/v1/");
    examined.says("command", &[&command]).fix_works(&sandbox);
    let url = at(&running, "/realtime/socket.io/");
    let examined = examine(&sandbox, &[&format!("{url}/realtime/")]).is("wrong-path", 5);
    examined.says("command", &["--path /realtime/socket.io/"]).fix_works(&sandbox);
}

#[test]
fn a_path_that_was_named_may_be_wrong() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-path-flag"));
    let args = [&running.at("/imchat"), "--path", "/elsewhere/"];
    let examined = examine(&sandbox, &args).is("wrong-path", 5);
    let command = format!("sockeye listen {} --for", running.at("/imchat"));
    examined.says("command", &[&command]).fix_works(&sandbox);
}

#[test]
fn a_path_is_named_as_the_server_has_it() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-path-slash"));
    // As npm's server, which takes everything below its path.
    let below = proxy(&running.url, |request| {
        let (path, rest) = request.line.split_once('?').unwrap();
        let path = path.split(' ').nth(1).unwrap();
        if !path.starts_with("/chat/") {
            return Passed::Answered(response("404 Not Found", "", "Not Found"));
        }
        assert!(!rest.is_empty());
        Passed::On(request.head.replacen(path, "/socket.io/", 1))
    });
    for args in
        [&["--nsp", "/imchat", "--path", "/chat"][..], &["--path", "/chat/", "--nsp", "/imchat"]]
    {
        examine(&sandbox, &[&[&*below], args].concat()).is("ok", 0);
    }
    let examined = examine(&sandbox, &[&format!("{below}/chat")]).is("wrong-path", 5);
    let command = format!("sockeye listen {below} --path /chat/ ");
    examined.says("command", &[&command]).fix_works(&sandbox);
    // One that has it without a slash.
    let bare = proxy(&running.url, |request| {
        if !request.has(" /chat?") {
            return Passed::Answered(response("404 Not Found", "", "Not Found"));
        }
        Passed::On(request.head.replacen("/chat", "/socket.io/", 1))
    });
    for path in ["/chat", "/chat/"] {
        let examined = examine(&sandbox, &[&bare, "--path", path]).is("wrong-path", 5);
        let flags = " --path /chat --no-trailing-slash ";
        examined.says("command", &[flags]).fix_works(&sandbox);
    }
}

#[test]
fn a_pasted_url_decides_nothing() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-pasted"));
    for query in [
        "EIO=3&transport=polling&sid=topsecret&t=P3kF8a",
        "EIO=4&transport=websocket&sid=topsecret",
        "transport=nothing&b64=1&room=1",
    ] {
        let url = format!("{}?{query}", running.at("/imchat"));
        let examined = examine(&sandbox, &[&url]).is("ok", 0).warns(&[]).hides(&["topsecret"]);
        let examined = examined.says("command", &["/imchat"]);
        let pasted = ["EIO=", "transport=", "sid=", "t=", "b64="];
        let examined = examined.hides_in("command", &pasted);
        let left_out = examined.evidence("url")["leftOut"].to_string();
        assert!(left_out.contains("transport") && !left_out.contains("room"), "{left_out}");
    }
    let run = sandbox.run(&["doctor", &format!("{}?EIO=3", running.url)]);
    assert!(run.stdout.contains("without EIO, which Engine.IO decides"), "{run:?}");
    let examined = examine(&sandbox, &[&running.url]);
    assert!(examined.evidence("url")["leftOut"].is_null());
}
