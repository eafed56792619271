//! Configurations, good and bad.

use std::{env, fs, path::Path, time::Duration};

use super::*;
use crate::delivery::Confirm;

/// One that says a little of everything.
const FULL: &str = r#"
from = "redis://user:pa55@127.0.0.1/0?list=tasks"
listen = "127.0.0.1:8080"
token = "t0ken"

[[to]]
name = "first"
url = "https://example.com/?token=s3cret"
nsp = "/imchat"
keys = ["acct-1"]
eio = "3"
transport = "websocket"
headers = { x-key = "s3cret" }
auth = { token = "s3cret" }

[[to.on_connect]]
event = "login"
args = [{ password = "s3cret" }]
expect = "$[0].ok == true"

[[to]]
url = "https://example.com/imchat"

[delivery]
confirm = "event"
confirm_timeout = "5s"
success = "$[0].code == 0"
permanent = "$[0].code >= 400 and $[0].code < 500"
reply = { event = "message", where = "$[0].reqId == task.id" }
rate = { per_second = 50 }

[event.action]
confirm = "written"
max_attempts = 3

[task]
event = "$.type"
args = ["$.data"]
id = "$.data.reqId"

[store]
done_age = "10m"

[[sink]]
to = "file:events.ndjson"
events = ["chat*"]
rotate_bytes = "16MiB"

[[sink]]
name = "hook"
to = "https://example.com/hook/s3cret?key=s3cret"
secret = "whsec_czNjcmV0"

[spool]
max_bytes = "64MiB"
when_full = "drop_newest"
event_id = "$[0].id"
"#;

fn learn() -> Learn {
    std::sync::Arc::new(|_| {})
}

#[test]
fn everything_can_be_said() {
    let config = Config::read(FULL, "relay.toml").unwrap();
    assert_eq!(config.to.0.len(), 2);
    assert_eq!(config.delivery.confirm, Confirm::Event);
    assert_eq!(config.delivery.confirm_timeout.0, Duration::from_secs(5));
    assert_eq!(config.event["action"].max_attempts, Some(3));
    assert_eq!(config.spool.max_bytes, Size(64 << 20));
    config.settings().unwrap();
    config.spool_options().unwrap();
    assert_eq!(config.sinks().unwrap().len(), 2);
}

#[tokio::test]
async fn connections_are_made_of_it() {
    let config = Config::read(FULL, "relay.toml").unwrap();
    let targets = config.targets(None, &learn()).unwrap();
    let names: Vec<_> = targets.iter().map(|target| &**target.name()).collect();
    assert_eq!(names, ["first", "example.com/imchat"]);
}

#[test]
fn what_is_shown_reads_the_same_without_secrets() {
    let config = Config::read(FULL, "relay.toml").unwrap();
    let shown = config.show();
    for secret in ["s3cret", "pa55", "t0ken"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let again = Config::read(&shown, "shown").unwrap();
    assert_eq!(again.show(), shown);
    assert_eq!(again.delivery, config.delivery);
    let usual = Config::default();
    assert_eq!(Config::read(&usual.show(), "shown").unwrap(), usual);
}

#[test]
fn one_connection_is_a_text_or_a_table() {
    for text in
        ["to = \"http://h/x\"", "[to]\nurl = \"http://h/x\"", "[[to]]\nurl = \"http://h/x\""]
    {
        let config = Config::read(text, "relay.toml").unwrap();
        assert_eq!(config.to.0[0].url.reveal(), "http://h/x", "{text}");
    }
}

#[test]
fn one_of_several_needs_no_list() {
    for text in [
        "sink = \"file:x\"",
        "sink = [\"file:x\"]",
        "[sink]\nto = \"file:x\"",
        "[[sink]]\nto = \"file:x\"",
    ] {
        let config = Config::read(text, "relay.toml").unwrap();
        assert_eq!(config.sink, [Sink::new(Location::new("file:x"))], "{text}");
    }
    let text = "sink = { to = \"-\", events = \"chat\" }\n[to]\nurl = \"http://h\"\nkeys = \"a\"\ncacert = \"c.pem\"";
    let config = Config::read(text, "relay.toml").unwrap();
    assert_eq!(
        (&*config.sink[0].events, &*config.to.0[0].keys),
        (&["chat".to_owned()][..], &["a".to_owned()][..])
    );
    assert_eq!(config.to.0[0].cacert, [Path::new("c.pem")]);
    let config = Config::read("to = [\"http://a\", { url = \"http://b\" }]", "relay.toml").unwrap();
    assert_eq!(config.to.0.len(), 2);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(text: &str, expect: &str) {
        let error = Config::read(text, "relay.toml").unwrap_err().to_string();
        assert!(error.starts_with("relay.toml:") && error.contains(expect), "{text}: {error}");
    }
    check("frm = \"x\"", "relay.toml:1: unknown key \"frm\"; did you mean \"from\"?");
    check(
        "\n[delivery]\nin_fligt = 3",
        "relay.toml:3: unknown key \"in_fligt\"; did you mean \"in_flight\"?",
    );
    check("[to]\nurl = \"http://h\"\nzzz = 1", "unknown key \"zzz\"; the keys here are name, url");
    check("[task]\nevent = \"$.t\"\ndeadlin = \"$.k\"", "did you mean \"deadline\"?");
    check(
        "[task]\nevent = \"$.t\"",
        "\"args\" is missing; write args = [\"$\"] for the whole task",
    );
    check("[delivery]\nconfirm = \"maybe\"", "relay.toml:2: unknown variant `maybe`");
    check("[delivery]\nconfirm_timeout = \"soon\"", "\"soon\" is not a time");
    check("[spool]\nmax_bytes = \"large\"", "\"large\" is not a size");
    check("from = 1", "relay.toml:1: found integer `1`; expected a string");
    check(
        "confirm = \"event\"",
        "relay.toml:1: the key \"confirm\" is not known here; it belongs in [delivery] or in [event.NAME] or in [task]",
    );
    check("url = \"http://h\"", "it belongs in [to]");
    check("[delivery]\nlisten = \"x\"", "it belongs at the top, before the first [table]");
    check("[event.x]\nin_flight = 3", "it belongs in [delivery]");
    check("[[delivery]]\nconfirm = \"ack\"", "write [delivery] instead of [[delivery]]");
    check(
        "[event]\nconfirm = \"ack\"",
        "relay.toml:2: found string \"ack\"; expected a table; what differs",
    );
    check("delivery = \"ack\"", "expected a table [delivery]");
    check("spool = \"x.db\"", "expected a table [spool], such as");
    check("[to]\nurl = \"http://a\"\n[to]\nurl = \"http://b\"", "is written [[to]]");
    check("[[sink]]\nevents = [\"a\"]", "the key \"to\" is missing; write where this sink is");
    check("[[sink]]\nto = \"-\"\nevents = 3", "a text, or a list of texts");
    check("sink = 3", "a table [sink], or several [[sink]]");
    check("from = \"x", "relay.toml:1:");
    check("to = 3", "a URL, a table [to], or several [[to]]");
}

#[test]
fn what_does_not_go_together_is_told() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(text: &str, expect: &str) {
        let config = Config::read(text, "relay.toml").unwrap();
        let settings = config.settings().map(drop);
        let error = settings.and_then(|()| config.sinks().map(drop)).unwrap_err().to_string();
        assert!(error.contains(expect), "{text}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    check("[delivery]\nin_flight = 0", "delivery.in_flight: 0 would send nothing");
    check("[delivery]\nmax_attempts = 0", "delivery.max_attempts: with 0 every task would be dead");
    check(
        "[[sink]]\nto = \"file:a/../b\"\nevents = [\"x\"]\n[[sink]]\nto = \"file:a/../b\"\nname = \"b\"",
        "sink.to: file:a/../b is the file of two sinks",
    );
    check("[delivery]\nmax_deliveries = 0", "delivery.max_deliveries: with 0 every task");
    check("[delivery]\nmax_age = 0", "delivery.max_age: with 0 every task");
    check("[delivery]\nconfirm_timeout = \"0s\"", "delivery.confirm_timeout: with 0 nothing");
    check("[event.x]\nmax_attempts = 0", "event.x.max_attempts: with 0 every task would be dead");
    check("[event.x]\nmax_age = 0", "event.x.max_age: with 0");
    check("[event.x]\nconfirm_timeout = 0", "event.x.confirm_timeout: with 0");
    check("[store]\nmax_tasks = 0", "store.max_tasks: with 0 the queue would take nothing");
    check("[delivery]\nconfirm = \"event\"", "add reply = ");
    check("[event.x]\nconfirm = \"event\"", "event.x.confirm: \"event\" needs delivery.reply");
    check("[delivery]\nrate = { per_second = -1 }", "delivery.rate: expected numbers above 0");
    check("[[to]]\nurl = \"http://a\"\n[[to]]\nurl = \"http://b\"", "a second one has no keys");
    check("[delivery]\nsuccess = \"$[0] = 0\"", "delivery.success: column 6");
    check("[event.x]\npermanent = \"(\"", "event.x.permanent: column 2");
    check("[delivery]\nreply = { event = \"e\", where = \"$.[\" }", "delivery.reply.where: ");
    check("[event.x]\nargs = [\"$.a\"]", "event.x.args: they are where [task] says");
    let task = "[task]\nevent = \"$.type\"\nargs = [\"$\"]";
    check(&format!("{task}\n[event.x]\nargs = [\"$.[\"]"), "event.x: args: \"$.[\" is not a");
    check("[task]\nevent = \"type\"\nargs = []", "something like \"$.type\"");
    check("[delivery]\nsuccess = \"$.ok\"", "delivery.success: column 2: ");
    check("[task]\nargs = []\nevent = \"$.[\"", "task: event: \"$.[\" is not a JSONPath");
    check("[[sink]]\nto = \"redis://:pa/s3cret@h?stream=x\"", "write / as %2F in a password");
    check("[[sink]]\nto = \"https://u:pa/s3cret@h\"", "write / as %2F in a password");
    check("[[sink]]\nto = \"nowhere\"", "expected redis://host/0?stream=NAME");
    check("[[sink]]\nto = \"redis://h/0?strm=x\"", "expected redis://host/0?stream=NAME");
    check(
        "[[sink]]\nname = \"a\"\nto = \"-\"\n[[sink]]\nname = \"a\"\nto = \"-\"",
        "\"a\" is given twice",
    );
}

#[tokio::test]
async fn what_no_connection_can_be_made_of_is_told() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(text: &str, expect: &str) {
        let config = Config::read(text, "relay.toml").unwrap();
        let error = config.targets(None, &learn()).unwrap_err().to_string();
        assert!(error.contains(expect), "{text}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    check("", "no server is named");
    check("to = \"nonsense\"", "to \"server\": ");
    check("to = \"https://u:pa/s3cret@h\"", "to.url: there is an @ behind the first /");
    check(
        "[to]\nurl = \"http://h\"\nheaders = { \"a b\" = \"s3cret\" }",
        "not the name of a header",
    );
    check(
        "[to]\nurl = \"http://h\"\nauth_file = \"a\"\nauth_command = \"b\"",
        "exclude each other",
    );
    check("[to]\nurl = \"https://h\"\ncacert = [\"/nowhere.pem\"]", "to.cacert: /nowhere.pem");
    check("to = \"http://h\"\n[delivery]\nsuccess = \"$[0].code = 0\"", "delivery.success: ");
    check(
        "[to]\nurl = \"http://h\"\non_connect = [{ event = \"login\", expect = \"((\" }]",
        "on_connect \"login\".success",
    );
}

#[test]
fn all_is_checked_before_anything_is_opened() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(text: &str, expect: &str) {
        let error = Config::read(text, "relay.toml").unwrap().check().unwrap_err().to_string();
        assert!(error.contains(expect), "{text}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    let with = |text: &str| format!("to = \"http://h\"\n{text}");
    check("", "to: no server is named");
    check(
        "to = \"h:3000/ns\"",
        "to.url: h:3000/ns can't be connected to by \"h\"; expected http://",
    );
    check("to = \"ftp://me:s3cret@h\"", "by \"ftp\"");
    check("to = \"https://\"", "to.url: https:// can't be connected to");
    check("[to]\nname = \"a\"", "to.url: no server is named");
    check(
        "[to]\nurl = \"http://h\"\nheaders = { \"a b\" = \"s3cret\" }",
        "not the name of a header",
    );
    check(&with("from = \"127.0.0.1:6379\""), "from: the queue's URL: it has no scheme");
    check(&with("from = \"redis://h/tasks\""), "either ?list=tasks or ?stream=tasks");
    check(&with("from = \"-\"\nqueue = \"redis://h\""), "queue: redis://h: expected either");
    check(&with("from = \"redis://:pa/s3cret@h?list=t\""), "from: ");
    check(&with("[[sink]]\nto = \"nowhere\""), "expected redis://host/0?stream=NAME");
    check(&with("[spool]\nevent_id = \"$.id\""), "spool.event_id: \"$.id\" finds nothing");
    check(&with("[task]\nevent = \"type\"\nargs = []"), "every task would be the same");
    check(&with("[store]\nlease = \"1ms\""), "a lease shorter than 100ms");
    Config::read(FULL, "relay.toml").unwrap().check().unwrap();
}

#[test]
fn relative_paths_are_those_of_the_working_directory() {
    let folder = env::temp_dir().join(format!("sockeye-config-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("relay.toml");
    fs::write(&file, "from = \"sqlite:q.db\"\ntoken_file = \"t\"\n[[sink]]\nto = \"file:f\"")
        .unwrap();
    let config = Config::load(&file).unwrap();
    // All of them, whether they are written or the usual ones.
    assert_eq!(config.queue_url(), "sqlite:q.db");
    assert_eq!(config.spool.path, Path::new("relay-spool.db"));
    assert_eq!(config.token_file.as_deref(), Some(Path::new("t")));
    assert_eq!(config.sink[0].to.reveal(), "file:f");
    fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(Config::load(&file), Err(ConfigError::Unreadable { .. })));
}

#[test]
fn the_page_is_what_the_types_say() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/relay.md");
    let fresh = reference();
    if env::var_os("SOCKEYE_DOCS").is_some_and(|what| what == "write") {
        fs::write(&page, &fresh).unwrap();
    }
    let text = fs::read_to_string(&page).unwrap();
    assert!(text == fresh, "SOCKEYE_DOCS=write writes {} anew", page.display());
}

#[test]
fn what_a_running_relay_cannot_change_is_named() {
    let config = Config::read(FULL, "relay.toml").unwrap();
    let mut other = config.clone();
    other.delivery.in_flight = 1;
    other.store.lease = Time::seconds(5);
    other.listen = None;
    other.task = None;
    other.to.0[0].keys = vec!["acct-2".to_owned()];
    assert_eq!(other.keep_fixed(&config), ["listen", "task", "store"]);
    let mut expect = config.clone();
    expect.delivery.in_flight = 1;
    expect.to.0[0].keys = vec!["acct-2".to_owned()];
    assert_eq!(other, expect);
    // Tasks must not go to another server because the file has another order.
    other.to.0.swap(0, 1);
    assert_eq!(other.keep_fixed(&config), ["to"]);
    assert_eq!(other.to, config.to);
    assert!(config.clone().keep_fixed(&config).is_empty());
    // Of an event the promise can change, and what its answers mean can't.
    let mut running = config.clone();
    let action = running.event.get_mut("action").unwrap();
    action.success = Some("$[0].ok".to_owned());
    let mut other = running.clone();
    other.event.remove("action");
    other.event.entry("args".to_owned()).or_default().args =
        Some(MappedArgs::Whole("$.a".to_owned()));
    let new =
        Event { permanent: Some("$[0].no".to_owned()), max_attempts: Some(2), ..Event::default() };
    other.event.insert("new".to_owned(), new);
    assert_eq!(
        other.keep_fixed(&running),
        ["event.action.success", "event.args.args", "event.new.permanent"]
    );
    assert_eq!(other.event["action"].success.as_deref(), Some("$[0].ok"));
    assert_eq!(other.event["action"].confirm, None);
    assert_eq!((&other.event["new"].permanent, other.event["new"].max_attempts), (&None, Some(2)));
}
