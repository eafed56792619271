//! A server for each fault that can be made on one machine.

use std::{
    io::{self, Write as _},
    net::{TcpListener, TcpStream},
};

use axum::{Router, extract::Request, middleware::map_request};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use sockeye::server::{self, Origins, Parser, Server};
use sockeye_testkit::{Peer, stub};
use tokio::runtime::Runtime;

use crate::sandbox::Sandbox;

/// Where a fault can be met.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// What a doctor should say.
    pub(crate) verdict: &'static str,
    pub(crate) url: String,
    /// The file of an authority that a client believes.
    pub(crate) authority: Option<String>,
}

impl Fault {
    pub(crate) fn new(verdict: &'static str, url: &str) -> Self {
        Self { verdict, url: url.to_owned(), authority: None }
    }
}

/// The servers.
pub(crate) struct Faults {
    runtime: Runtime,
    sandbox: Sandbox,
    secure: Vec<(&'static str, Peer)>,
}

/// Whoever believes this authority sees the faults of certificates that it signed.
const AUTHORITY: &str = "authority.pem";

impl Faults {
    pub(crate) fn start(test: &str) -> Self {
        let sandbox = Sandbox::new(test);
        let secure = secure(&sandbox);
        Self { runtime: Runtime::new().unwrap(), sandbox, secure }
    }

    /// All faults; the servers live as long as this.
    pub(crate) fn all(&self) -> Vec<Fault> {
        let html = "Content-Type: text/html\r\n";
        let json = "Content-Type: application/json\r\n";
        let elsewhere = "Location: https://example.invalid/\r\n";
        let good = self.serve(|builder| builder);
        let mut all = vec![
            Fault::new("dns-failed", "http://nowhere.invalid"),
            Fault::new("connection-refused", &closed()),
            Fault::new("no-answer", &silent()),
            Fault::new("redirect", &canned("301 Moved Permanently", elsewhere, "")),
            Fault::new("wrong-path", &canned("404 Not Found", "", "")),
            Fault::new("not-socketio", &canned("200 OK", html, "<html></html>")),
            Fault::new(
                "forbidden",
                &canned("403 Forbidden", json, r#"{"code":4,"message":"Forbidden"}"#),
            ),
            Fault::new("forbidden", &canned("401 Unauthorized", "", "")),
            Fault::new("rate-limited", &canned("429 Too Many Requests", "Retry-After: 30\r\n", "")),
            Fault::new("polling-disabled", &self.serve(|builder| builder.polling(false))),
            Fault::new("websocket-disabled", &self.serve(|builder| builder.websocket(false))),
            Fault::new(
                "websocket-blocked",
                &self.listen(app(|builder| builder).layer(map_request(no_upgrade))),
            ),
            Fault::new(
                "no-sticky-sessions",
                &self.listen(app(|builder| builder).layer(map_request(forgotten))),
            ),
            Fault::new("wrong-parser", &self.serve(|builder| builder.parser(Parser::MsgPack))),
            Fault::new("eio4-only-server", &good),
            Fault::new("unknown-namespace", &format!("{good}/nowhere")),
            Fault::new("auth-refused", &format!("{good}/auth")),
            Fault::new("plain-http-on-tls-port", &good.replace("http:", "https:")),
        ];
        for (verdict, peer) in &self.secure {
            let url = peer.ready().replace("127.0.0.1", "localhost");
            let authority = match *verdict {
                "tls-unknown-ca" | "tls-self-signed" => None,
                _ => Some(self.sandbox.path(AUTHORITY)),
            };
            let plain = Fault::new("tls-on-plain-port", &url.replace("https:", "http:"));
            all.push(Fault { verdict, url, authority });
            if *verdict == "tls-expired" {
                all.push(plain);
            }
        }
        all
    }

    fn serve(&self, change: impl FnOnce(server::Builder) -> server::Builder) -> String {
        self.listen(app(change))
    }

    fn listen(&self, app: Router) -> String {
        let listener = self.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        self.runtime.spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }
}

/// A server that has nothing wrong but what is changed.
fn app(change: impl FnOnce(server::Builder) -> server::Builder) -> Router {
    let builder = change(Server::builder().origins(Origins::any()));
    sockeye_echo::router(&sockeye_echo::with_namespaces(builder).build().unwrap())
}

/// Servers over TLS, each with a fault in its certificate.
fn secure(sandbox: &Sandbox) -> Vec<(&'static str, Peer)> {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "An authority");
    sandbox.write(AUTHORITY, authority.self_signed(&authority_key).unwrap().pem());
    let issuer = Issuer::from_params(&authority, &authority_key);
    let key = KeyPair::generate().unwrap();
    sandbox.write("key.pem", key.serialize_pem());
    let params = |name: &str, from: i32, to: i32| {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.not_before, params.not_after) =
            (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        params
    };
    let signed = |params: CertificateParams| params.signed_by(&key, &issuer).unwrap();
    [
        ("tls-self-signed", params("localhost", 2020, 2090).self_signed(&key).unwrap()),
        ("tls-unknown-ca", signed(params("localhost", 2020, 2090))),
        ("tls-expired", signed(params("localhost", 2020, 2021))),
        ("tls-not-yet-valid", signed(params("localhost", 2090, 2091))),
        ("tls-wrong-name", signed(params("example.com", 2020, 2090))),
    ]
    .into_iter()
    .map(|(verdict, certificate)| {
        let file = sandbox.write(&format!("{verdict}.pem"), certificate.pem());
        let tls = ["--echo", "--log", "off", "--tls-cert", &file, "--tls-key", "key.pem"];
        (verdict, sandbox.serve(&tls))
    })
    .collect()
}

/// What a proxy does that knows nothing of WebSocket.
async fn no_upgrade(mut request: Request) -> Request {
    for name in ["connection", "upgrade"] {
        request.headers_mut().remove(name);
    }
    request
}

/// What a load balancer does that sends each request to another server.
async fn forgotten(mut request: Request) -> Request {
    let uri = request.uri().to_string().replace("sid=", "sid=x");
    *request.uri_mut() = uri.parse().unwrap();
    request
}

/// A port where nobody listens.
fn closed() -> String {
    format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

/// A server that accepts, and says nothing.
fn silent() -> String {
    listen(|stream| {
        std::mem::forget(stream);
        Ok(())
    })
}

/// A server that has one answer for everybody.
fn canned(status: &str, headers: &str, body: &str) -> String {
    let answer = stub::response(status, headers, body);
    listen(move |mut stream| {
        stub::Request::read(&mut stream)?;
        stream.write_all(answer.as_bytes())
    })
}

fn listen(serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> String {
    format!("http://{}", stub::listen(serve).unwrap())
}
