//! What is wired wrongly is told by `build`, which names the handler, never at the first event.

use std::time::Duration;

use sockeye::{
    event::{AckSender, Args, RawArgs, Refusal, State},
    server::{Auth, Builder, Data, LastRooms, Namespace, Reason, Server},
};

#[track_caller]
fn check(builder: Builder, expect: &str) {
    match builder.build() {
        Ok(_) => assert_eq!(expect, "", "it was built"),
        Err(error) => {
            assert_eq!(error.to_string(), expect);
            assert_eq!(format!("{error:?}"), expect, "what `main` prints is for people");
        }
    }
}

fn root(namespace: Namespace) -> Builder {
    Server::builder().namespace("/", namespace)
}

async fn nothing() {}

#[test]
fn the_handler_and_what_it_lacks_are_named() {
    check(root(Namespace::new().on("say", nothing)), "");
    check(
        root(Namespace::new().on("say", async |_: State<u8>| {})),
        "the handler of \"say\" on namespace \"/\" takes State<u8>, which nobody provides; give one to `builder.state(…)`",
    );
    check(root(Namespace::new().on("say", async |_: State<u8>| {})).state(1_u8), "");
    check(
        root(Namespace::new().on("say", async |_: State<Server>| {})),
        "the handler of \"say\" on namespace \"/\" takes State<sockeye::server::shared::Server>, which is no \
         state; take the parameter `server: Server` instead",
    );
    check(
        root(Namespace::new().on("say", async |_: Data<String>| {})),
        "the handler of \"say\" on namespace \"/\" takes Data<alloc::string::String>, but no connect handler returns \
         `Result<alloc::string::String, Refusal>`",
    );
    let joined = async || Ok::<_, Refusal>(7_u8);
    check(root(Namespace::new().on_connect(joined).on("say", async |_: Data<u8>| {})), "");
    check(
        root(Namespace::new().on_connect(joined).on("say", async |_: Data<u16>| {})),
        "the handler of \"say\" on namespace \"/\" takes Data<u16>, but the connect handler returns u8",
    );
    check(
        root(Namespace::new().on_connect(async |_: Data<u8>| Ok::<_, Refusal>(7_u8))),
        "the handler of \"connect\" on namespace \"/\" takes Data<u8>, but a connect handler is what creates it",
    );
    check(
        root(Namespace::new().on_any(async |_: Auth<u8>, _: Args<()>| {})),
        "the handler of \"any event\" on namespace \"/\" takes Auth, which does not exist for an event handler; return what is \
         needed of it from the connect handler, and take that as `Data<T>`",
    );
    check(
        root(Namespace::new().on("say", async |_: LastRooms| {})),
        "the handler of \"say\" on namespace \"/\" takes LastRooms, which does not exist for an event handler; as long as \
         it is there, `socket.rooms()` says",
    );
    check(
        root(Namespace::new().on_connect(async |_: Reason| {})),
        "the handler of \"connect\" on namespace \"/\" takes Reason, which does not exist for a connect handler; the \
         disconnect handler takes it",
    );
    check(
        root(Namespace::new().on_disconnect(async |_: Auth<u8>| {})),
        "the handler of \"disconnect\" on namespace \"/\" takes Auth, which does not exist for a disconnect handler; return \
         what is needed of it from the connect handler, and take that as `Data<T>`",
    );
    check(root(Namespace::new().on_disconnect(async |_: Reason, _: LastRooms| {})), "");
    // It would read what the client joins with, and nothing at all.
    check(
        root(Namespace::new().on_connect(async |_: Args<(String,)>| {})),
        "the handler of \"connect\" on namespace \"/\" takes Args, which does not exist for a connect handler; what a client \
         joins with, a server's connect handler takes as `Auth<T>`",
    );
    check(
        root(Namespace::new().on_disconnect(async |_: RawArgs| {})),
        "the handler of \"disconnect\" on namespace \"/\" takes RawArgs, which does not exist for a disconnect handler; \
         nothing comes with a socket that goes",
    );
    check(root(Namespace::new().on_connect(async |_: RawArgs| {})), "");
    check(
        root(Namespace::new().on_disconnect(async |_: Args<()>| {})),
        "the handler of \"disconnect\" on namespace \"/\" takes Args, which does not exist for a disconnect handler; what a \
         client joins with, a server's connect handler takes as `Auth<T>`",
    );
    check(
        root(Namespace::new().on_connect(async |_: AckSender| {})),
        "the handler of \"connect\" on namespace \"/\" takes AckSender, which does not exist for a connect handler; what that \
         returns is the answer",
    );
}

#[test]
fn names_are_checked() {
    check(
        root(Namespace::new().on("disconnect", nothing)),
        "the handler of \"disconnect\" on namespace \"/\" is a name that Socket.IO keeps for itself and nobody can \
         send; use `on_connect` or `on_disconnect`, or another name",
    );
    check(
        root(Namespace::new().on("say", nothing).on("say", nothing)),
        "the handler of \"say\" on namespace \"/\" is given twice; keep one",
    );
    check(
        root(Namespace::new().on_connect(nothing).on_connect(nothing)),
        "the handler of \"connect\" on namespace \"/\" is given twice; keep one",
    );
    check(
        root(Namespace::new().on_any(nothing).on_any(nothing)),
        "the handler of \"any event\" on namespace \"/\" is given twice; keep one",
    );
    check(
        Server::builder().namespace("chat", Namespace::new()),
        "namespace \"chat\" must begin with \"/\" and have no comma",
    );
    check(
        root(Namespace::new()).namespace("/", Namespace::new()),
        "namespace \"/\" is given twice; put its handlers into one `Namespace`",
    );
    check(
        Server::builder(),
        "no namespace is given; add one, e.g. `.namespace(\"/\", Namespace::new())`",
    );
}

#[test]
fn times_and_bounds_are_checked() {
    let ok = || root(Namespace::new());
    check(ok().ping_interval(Duration::ZERO), "ping_interval is 0ns; it must be at least 1 ms");
    check(ok().write_timeout(Duration::ZERO), "write_timeout is 0ns; it must be at least 1 ms");
    check(
        ok().connect_timeout(Duration::MAX),
        "connect_timeout is 18446744073709551615.999999999s; it must be at most 946080000s",
    );
    check(ok().backlog(1, 1, Duration::ZERO), "backlog max_pause is 0ns; it must be at least 1 ms");
    check(ok().call_timeout(Duration::ZERO), "call_timeout is 0ns; it must be at least 1 ms");
    let secs = Duration::from_secs;
    check(ok().call_timeout(secs(59)), "");
    check(ok().backlog(1, 1, secs(1)), ""); // no call waits for so long then, unless it says
    for (call_timeout, pause) in [(secs(60), secs(60)), (secs(20), secs(5))] {
        check(
            ok().call_timeout(call_timeout).backlog(1, 1, pause),
            &format!(
                "call_timeout is {call_timeout:?}, and backlog max_pause {pause:?}; make call_timeout the shorter one, \
                 since a handler that waits for an ack holds the events of its socket"
            ),
        );
    }
    check(ok().max_payload_bytes(0), "max_payload_bytes is 0; it must be at least 1");
    check(ok().outbox(0, 1), "outbox max_packets is 0; it must be at least 1");
    check(
        ok().backlog(1, 0, Duration::from_secs(1)),
        "backlog max_bytes is 0; it must be at least 1",
    );
}
