//! The HTTP side of the binary: the page, and what clients that send slowly or too much get.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::{
    sandbox::{Sandbox, address},
    websocket::tls,
};

/// Sends bytes and returns all that comes until the server ends the connection.
fn exchange(stream: &mut (impl Read + Write), request: &[u8]) -> String {
    stream.write_all(request).unwrap();
    let mut response = Vec::new();
    // TLS without its closing alert is an error to rustls, a reset one to TCP; what came before counts.
    let _ = stream.read_to_end(&mut response);
    String::from_utf8(response).unwrap()
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[test]
fn the_page_is_served() {
    let peer = Sandbox::new("http-page").serve(&[]);
    let mut stream = TcpStream::connect(address(peer.ready())).unwrap();
    let response = exchange(&mut stream, GET);
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.contains("content-type: text/html; charset=utf-8\r\n"), "{response}");
    assert!(response.trim_end().ends_with("</html>"), "{response}");
}

#[test]
fn the_page_is_served_over_tls() {
    let (_peer, mut stream) = tls(&Sandbox::new("http-tls"));
    let response = exchange(&mut stream, GET);
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.trim_end().ends_with("</html>"), "{response}");
}

#[test]
fn pages_of_other_origins_connect_where_they_are_named() {
    let ask = |flags: &[&str]| {
        let peer = Sandbox::new("http-origins").serve(flags);
        let mut stream = TcpStream::connect(address(peer.ready())).unwrap();
        let request = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: localhost\r\n\
                       origin: https://example.com\r\nconnection: close\r\n\r\n";
        exchange(&mut stream, request.as_bytes())
    };
    let refused = ask(&[]);
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    for origins in ["any", "http://localhost,https://example.com"] {
        let opened = ask(&["--origins", origins]);
        assert!(opened.starts_with("HTTP/1.1 200 OK\r\n"), "{opened}");
    }
}

#[test]
fn slow_headers_end_the_connection() {
    let peer = Sandbox::new("http-slow").serve(&["--header-timeout", "50ms"]);
    for begin in [&b""[..], b"GET / HTTP/1.1\r\nhost: loc"] {
        let mut stream = TcpStream::connect(address(peer.ready())).unwrap();
        assert_eq!(exchange(&mut stream, begin), "");
    }
}

#[test]
fn a_slow_tls_handshake_ends_the_connection() {
    let sandbox = Sandbox::new("http-slow-tls");
    let ours = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let cert = sandbox.write("cert.pem", ours.cert.pem());
    let key = sandbox.write("key.pem", ours.signing_key.serialize_pem());
    let tls = ["--tls-cert", &cert, "--tls-key", &key, "--header-timeout", "50ms"];
    let peer = sandbox.serve(&tls);
    let mut stream = TcpStream::connect(address(peer.ready())).unwrap();
    assert_eq!(exchange(&mut stream, b"\x16\x03\x01"), "");
}

#[test]
fn too_many_bytes_of_headers_are_refused() {
    let peer = Sandbox::new("http-headers").serve(&[]);
    let mut stream = TcpStream::connect(address(peer.ready())).unwrap();
    let mut request = b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ".to_vec();
    request.resize(16 * 1024, b'x');
    let response = exchange(&mut stream, &request);
    assert!(response.starts_with("HTTP/1.1 431 "), "{response}");
}
