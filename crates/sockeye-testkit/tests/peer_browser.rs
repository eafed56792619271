//! The specs of pages that judge our server pass on npm's own, so what they ask for is what browsers do.

use sockeye_testkit::{PeerError, pinned, spec};

#[test]
fn pages_of_other_origins() -> Result<(), PeerError> {
    let Some(server) = pinned::node("js/server.mjs") else { return Ok(()) };
    let program = std::iter::once(server.get_program()).chain(server.get_args());
    let mut serve: Vec<String> = program.map(|it| it.to_string_lossy().into_owned()).collect();
    serve.extend(["--port".to_owned(), "{port}".to_owned()]);
    spec::run("cors.spec.mjs", 9, &serve, &[])
}
