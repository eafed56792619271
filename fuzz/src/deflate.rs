//! Agreements on permessage-deflate, come to as two ends do it: by a request and a response.

use sockeye_proto::wire::ws::{
    deflate::{Agreement, Config},
    handshake::{Offer, Request},
};

use crate::Script;

/// What a server with any configuration grants a client with any configuration; `None` if it grants nothing.
///
/// # Panics
///
/// If the client refuses the answer to its own offer, or both agree on different things.
pub fn agreements(script: &mut Script<'_>) -> Option<Agreement> {
    let (client, server) = (config(script), config(script));
    let offer = Offer::new([0; 16]).deflate(client);
    let mut request = http::Request::new(());
    request.headers_mut().insert("host", http::HeaderValue::from_static("x"));
    offer.write_headers(request.headers_mut());
    let mut request = Request::read(&request).expect("our own request");
    let granted = request.negotiate_deflate(&server);
    let accepted = offer.check(&request.response()).expect("the answer to our own offer");
    assert_eq!(granted, accepted.deflate, "{client:?} and {server:?}");
    granted
}

fn config(script: &mut Script<'_>) -> Config {
    let flags = script.byte();
    Config::default()
        .server_no_context_takeover(flags & 1 != 0)
        .client_no_context_takeover(flags & 2 != 0)
        .server_max_window_bits(9 + (flags >> 2) % 7)
        .client_max_window_bits(9 + (flags >> 5) % 7)
}
