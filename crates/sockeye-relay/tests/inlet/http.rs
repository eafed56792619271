//! What the inlet answers, asked by hand over a socket.

use std::{io::ErrorKind, sync::Arc};

use serde_json::Value;
use sockeye_relay::{
    inlet::{
        Reading,
        http::{Bounds, Exposed, Inlet, Probes, Token, bind},
    },
    queue::{Settlement, Verdict, sqlite::Options},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use crate::place::{PATIENCE, Place};

struct Running {
    place: Place,
    address: std::net::SocketAddr,
    token: Option<&'static str>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Running {
    async fn start() -> Self {
        Self::start_with(Place::new(), None, Bounds::default(), Probes::default()).await
    }

    async fn start_with(
        place: Place,
        token: Option<&'static str>,
        bounds: Bounds,
        probes: Probes,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let queue = Arc::clone(&place.queue);
        let secret = token.map(|token| Token::new(token).unwrap());
        let inlet = Inlet::new(queue, Reading::envelope(), secret, bounds, probes);
        let serving =
            tokio::spawn(async move { inlet.serve(listener, async { drop(stopped.await) }).await });
        Self { place, address, token, stop, serving }
    }

    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let token = self.token.map_or(String::new(), |t| format!("authorization: Bearer {t}\r\n"));
        self.ask_as(&format!("host: {}\r\n{token}{headers}", self.address), method, path, body)
            .await
    }

    async fn ask_as(&self, headers: &str, method: &str, path: &str, body: &str) -> Answer {
        let asking = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            let request = format!(
                "{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
                body.len()
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            let body = serde_json::from_str(body).unwrap_or_else(|_| body.into());
            Answer { status, head: head.to_ascii_lowercase(), body }
        };
        timeout(PATIENCE, asking).await.unwrap()
    }

    async fn post(&self, body: &str) -> Answer {
        self.ask("POST", "/tasks", "content-type: application/json\r\n", body).await
    }
}

impl Answer {
    #[track_caller]
    fn check(&self, status: u16, body: &str) -> &Self {
        assert_eq!((self.status, self.body.to_string().as_str()), (status, body));
        self
    }

    #[track_caller]
    fn check_error(&self, status: u16, code: &str) -> &Self {
        assert_eq!(
            (self.status, &self.body["error"]["code"]),
            (status, &code.into()),
            "{}",
            self.body
        );
        assert!(self.body["error"]["message"].as_str().unwrap().len() > 10, "{}", self.body);
        self
    }
}

#[tokio::test]
async fn tasks_are_posted() {
    let running = Running::start().await;
    let a = r#"{"event":"a","id":"1"}"#;
    running.post(a).await.check(201, r#"{"id":"1","state":"queued"}"#);
    running.post(a).await.check(201, r#"{"id":"1","state":"known"}"#);
    let list = r#"[{"event":"b","id":"2"},{"event":"c","id":"1"}]"#;
    running
        .post(list)
        .await
        .check(201, r#"[{"id":"2","state":"queued"},{"id":"1","state":"known"}]"#);
    let lines = "{\"event\":\"d\",\"id\":\"3\"}\n\n{\"event\":\"e\",\"id\":\"4\"}\n";
    let answer =
        running.ask("POST", "/tasks", "content-type: application/x-ndjson\r\n", lines).await;
    answer.check(201, r#"[{"id":"3","state":"queued"},{"id":"4","state":"queued"}]"#);
    let headers = "content-type: application/json\r\nidempotency-key: \"5\"\r\n";
    for state in ["queued", "known"] {
        let answer = running.ask("POST", "/tasks", headers, r#"{"event":"f"}"#).await;
        answer.check(201, &format!(r#"{{"id":"5","state":"{state}"}}"#));
    }
    let answer = running.post(r#"{"event":"g"}"#).await;
    let id = answer.body["id"].as_str().unwrap();
    assert!(running.place.queue.find(id).await.unwrap().is_some(), "an id is made");
    assert_eq!(running.place.waiting().await.len(), 6);
}

#[tokio::test]
async fn a_list_is_taken_as_a_whole_or_not_at_all() {
    let running = Running::start().await;
    let answer = running.post(r#"[{"event":"a"},{"event":1}]"#).await;
    assert_eq!(answer.check_error(400, "invalid").body["error"]["index"], 1);
    running.post("{").await.check_error(400, "invalid");
    let answer = running.ask("POST", "/tasks", "content-type: text/plain\r\n", "{}").await;
    answer.check_error(415, "content-type");
    assert_eq!(running.place.waiting().await.len(), 0);
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let bounds = Bounds::default().max_body_bytes(100).max_tasks(2);
    let running = Running::start_with(Place::new(), None, bounds, Probes::default()).await;
    let long = format!(r#"{{"event":"{}"}}"#, "x".repeat(100));
    running.post(&long).await.check_error(413, "too-large");
    let a = r#"{"event":"a"}"#;
    running.post(&format!("[{a},{a},{a}]")).await.check_error(413, "too-large");
    assert_eq!(running.place.waiting().await.len(), 0);
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_again() {
    let place = Place::with(Options { max_tasks: 1, ..Options::default() });
    let running = Running::start_with(place, None, Bounds::default(), Probes::default()).await;
    let a = r#"{"event":"a"}"#;
    running.post(&format!("[{a},{a}]")).await.check_error(503, "full");
    assert_eq!(running.post(a).await.status, 201);
    let answer = running.post(a).await;
    assert!(answer.check_error(503, "full").head.contains("\r\nretry-after: 1"), "{}", answer.head);
}

#[tokio::test]
async fn tasks_are_found_and_taken_back() {
    let running = Running::start().await;
    let queue = &running.place.queue;
    running.post(r#"[{"event":"a","id":"a/1"},{"event":"b","id":"b"}]"#).await;
    let answer = running.ask("GET", "/tasks/a%2F1", "", "").await;
    assert_eq!((answer.status, &answer.body["state"]), (200, &"queued".into()));
    running.ask("GET", "/tasks/none", "", "").await.check_error(404, "unknown");
    running.ask("DELETE", "/tasks/none", "", "").await.check_error(404, "unknown");
    let answer = running.ask("DELETE", "/tasks/b", "", "").await;
    answer.check(200, r#"{"id":"b","state":"cancelled"}"#);
    running.ask("GET", "/tasks/b", "", "").await.check_error(404, "unknown");

    let claimed = queue.claim(1).await.unwrap();
    let answer = running.ask("DELETE", "/tasks/a%2F1", "", "").await;
    assert_eq!(answer.check_error(409, "not-waiting").body["error"]["state"], "claimed");
    let result = Some(r#"[{"ok":true}]"#.into());
    let verdict = Verdict::Done { result, reply_to: None };
    let id = Some("a/1".into());
    queue.settle(vec![Settlement { claim: claimed[0].claim, id, verdict }]).await.unwrap();
    let answer = running.ask("GET", "/tasks/a%2F1", "", "").await;
    assert_eq!((answer.status, &answer.body["state"]), (200, &"done".into()));
    assert_eq!(answer.body["result"].to_string(), r#"[{"ok":true}]"#);
    let answer = running.ask("DELETE", "/tasks/a%2F1", "", "").await;
    assert_eq!(answer.check_error(409, "not-waiting").body["error"]["state"], "done");
}

#[tokio::test]
async fn nobody_puts_without_the_token() {
    let probes = Probes::default().metrics(|| "# EOF\n".to_owned());
    let token = Some("a-token-that-nobody-guesses");
    let running = Running::start_with(Place::new(), token, Bounds::default(), probes).await;
    for (method, path) in
        [("POST", "/tasks"), ("GET", "/tasks/a"), ("DELETE", "/tasks/a"), ("GET", "/metrics")]
    {
        for header in ["", "authorization: Bearer another\r\n"] {
            let answer = running.ask_as(&format!("host: x\r\n{header}"), method, path, "").await;
            let head = &answer.check_error(401, "unauthorized").head;
            assert!(head.contains("\r\nwww-authenticate: bearer"), "{head}");
        }
    }
    assert_eq!(running.ask_as("host: x\r\n", "GET", "/healthz", "").await.status, 200);
    assert_eq!(running.ask_as("host: x\r\n", "GET", "/readyz", "").await.status, 200);
    assert_eq!(running.post(r#"{"event":"a"}"#).await.status, 201);
    running.ask("GET", "/metrics", "", "").await.check(200, "\"# EOF\\n\"");
}

#[tokio::test]
async fn without_a_token_only_this_machine_is_served() {
    let running = Running::start().await;
    let headers = "host: rebound.example\r\ncontent-type: application/json\r\n";
    let answer = running.ask_as(headers, "POST", "/tasks", r#"{"event":"a"}"#).await;
    answer.check_error(403, "host");
    let error = bind("0.0.0.0:0".parse().unwrap(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.get_ref().unwrap().is::<Exposed>(), "{error}");
    let token = Token::new("a-token-that-nobody-guesses").unwrap();
    bind("0.0.0.0:0".parse().unwrap(), Some(&token)).await.unwrap();
}

#[tokio::test]
async fn probes_say_how_it_is() {
    let probes = Probes::default().alive(|| false).unready(|| Some("no server is joined".into()));
    let running = Running::start_with(Place::new(), None, Bounds::default(), probes).await;
    running.ask("GET", "/healthz", "", "").await.check_error(503, "stuck");
    let answer = running.ask("GET", "/readyz", "", "").await;
    assert_eq!(answer.check_error(503, "unready").body["error"]["message"], "no server is joined");
    running.ask("GET", "/metrics", "", "").await.check_error(404, "unknown-page");
    running.ask("GET", "/nowhere", "", "").await.check_error(404, "unknown-page");
    running.ask("PUT", "/tasks", "", "").await.check_error(405, "method");
    running.stop.send(()).unwrap();
    timeout(PATIENCE, running.serving).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn many_post_at_once() {
    let running = Running::start().await;
    let posts = (0..50).map(|n| {
        let running = &running;
        async move { running.post(&format!(r#"{{"event":"a","id":"{n}"}}"#)).await.status }
    });
    let answers = futures_util::future::join_all(posts).await;
    assert!(answers.iter().all(|status| *status == 201), "{answers:?}");
    assert_eq!(running.place.waiting().await.len(), 50);
}
