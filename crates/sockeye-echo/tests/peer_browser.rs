//! Pages of other origins in a real browser, against our server.

use sockeye_testkit::{PeerError, pinned, spec};

#[test]
fn pages_of_other_origins() -> Result<(), PeerError> {
    let server = pinned::example("interop_server");
    let program = server.get_program().to_string_lossy().into_owned();
    let serve = [program, "--port".to_owned(), "{port}".to_owned()];
    spec::run("cors.spec.mjs", 9, &serve, &[("ORIGIN_GUARDS_WEBSOCKET", "1")])
}
