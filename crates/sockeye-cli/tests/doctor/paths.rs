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
