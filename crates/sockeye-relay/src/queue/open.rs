//! Opens a queue by its URL.

use std::{path::PathBuf, sync::Arc, time::Duration};

use ::redis::{
    Client, ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo, RedisError,
    TlsCertificates, TlsMode,
    cluster::ClusterClientBuilder,
    sentinel::{SentinelClientBuilder, SentinelServerType},
};
use tokio::sync::Mutex;
use url::form_urlencoded;

use super::{
    Queue, QueueError,
    redis::{self, Endpoint, Order, Redis, Source, Trim},
    sqlite::{self, Retention, Sqlite},
};

/// What a queue may hold and how long claims last, whatever it is made of. A URL may say otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How many tasks may wait or be claimed. Default: 1,000,000.
    pub max_tasks: u64,
    /// What is remembered of tasks that are done. Default: 100,000, 256 MiB of results (SQLite), 1 hour.
    pub done: Retention,
    /// What is kept of the dead and the held. Default: 100,000, 1 GiB of bodies (SQLite), 30 days.
    pub dead: Retention,
    /// How long claims stay an instance's that says nothing. Default: 30 s.
    pub lease: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let usual = sqlite::Options::default();
        Self { max_tasks: usual.max_tasks, done: usual.done, dead: usual.dead, lease: usual.lease }
    }
}

/// Opens a queue by its URL, as a new instance.
///
/// | URL | what |
/// |---|---|
/// | `sqlite:queue.db` | a file: [`sqlite`] |
/// | `redis://[user:password@]host[:6379][/db]?list=tasks` | a list in Redis or Valkey: [`redis`] |
/// | `redis://host?stream=tasks&group=relay` | a stream; the group is `relay` if none is named |
/// | `rediss://…` | with TLS; `cacert=ca.pem` trusts that authority alone |
/// | `unix:/path/redis.sock?list=tasks&db=0` | by a socket of this machine |
/// | `redis+sentinel://h1:26379,h2/0?master=mymaster&list=tasks` | the master that sentinels name; `rediss+sentinel:` speaks TLS with both |
/// | `redis+cluster://h1:6379,h2?list=tasks` | a cluster; also `redis://…?cluster=true` |
///
/// Fields of all: `lease`, `max_tasks`, `done_count`, `done_age`, `dead_count`, `dead_age`. Of SQLite: `sync=full|normal`. Of
/// Redis: `order=strict|none`, `timeout`; of streams: `group`, `field`, `trim=acked|minid|none`. Times are like `500ms`,
/// `30s`, `5m`, `1h`, `30d`.
///
/// # Errors
///
/// [`QueueError::Unusable`] if the URL or the place is not right, [`QueueError::Unavailable`] if it can't be reached now.
/// None of them shows a user or a password.
pub async fn open(url: &str, options: Options) -> Result<Arc<dyn Queue>, QueueError> {
    let place = Place::parse(url)?;
    place.open(options).await
}

/// The schemes, as they are written.
const SCHEMES: &[&str] = &[
    "sqlite",
    "redis",
    "rediss",
    "unix",
    "redis+unix",
    "redis+sentinel",
    "rediss+sentinel",
    "redis+cluster",
    "rediss+cluster",
    "valkey",
    "valkeys",
];

const COMMON: &[&str] = &["lease", "max_tasks", "done_count", "done_age", "dead_count", "dead_age"];
const OF_SQLITE: &[&str] = &["sync"];
const OF_REDIS: &[&str] = &[
    "list",
    "stream",
    "group",
    "field",
    "trim",
    "order",
    "timeout",
    "cluster",
    "master",
    "cacert",
    "db",
    "sentinel_user",
    "sentinel_password",
];

/// A URL, taken apart. A list of hosts is more than most parsers of URLs know.
struct Place {
    scheme: String,
    user: Option<String>,
    password: Option<String>,
    hosts: String,
    path: String,
    fields: Vec<(String, String)>,
    /// As people may see it.
    shown: String,
}

impl Place {
    fn parse(url: &str) -> Result<Self, QueueError> {
        let unusable =
            |reason: String| QueueError::Unusable { store: "the queue's URL".to_owned(), reason };
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(unusable(
                "it has no scheme; expected something like sqlite:queue.db or redis://localhost/0?list=tasks"
                    .to_owned(),
            ));
        };
        if !SCHEMES.contains(&scheme) {
            let near = nearest(scheme, SCHEMES.iter().copied());
            return Err(unusable(format!("the scheme {scheme:?} is not known{near}")));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let has_hosts = !matches!(scheme, "sqlite" | "unix" | "redis+unix");
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) if has_hosts => {
                let end = rest.find('/').unwrap_or(rest.len());
                rest.split_at(end)
            }
            Some(rest) => ("", rest),
            None if has_hosts => return Err(unusable(format!("expected {scheme}://host"))),
            None => ("", rest),
        };
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let decoded = |text: &str| (!text.is_empty()).then(|| decode(text));
        let fields: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let mut shown = if has_hosts {
            format!("{scheme}://{hosts}{path}")
        } else {
            format!("{scheme}:{path}")
        };
        if let Some((name, value)) =
            fields.iter().find(|(name, _)| name == "list" || name == "stream")
        {
            shown = format!("{shown}?{name}={value}");
        }
        let place = Self {
            scheme: scheme.to_owned(),
            user: decoded(user),
            password: decoded(password),
            hosts: hosts.to_owned(),
            path: if has_hosts { path.to_owned() } else { decode(path) },
            fields,
            shown,
        };
        place.check_fields()?;
        Ok(place)
    }

    fn check_fields(&self) -> Result<(), QueueError> {
        let own = if self.scheme == "sqlite" { OF_SQLITE } else { OF_REDIS };
        for (number, (name, _)) in self.fields.iter().enumerate() {
            let known = || COMMON.iter().chain(own).copied();
            if !known().any(|known| known == name) {
                return Err(self.unusable(format!(
                    "the field {name:?} is not known{}",
                    nearest(name, known())
                )));
            }
            if self.fields[..number].iter().any(|(earlier, _)| earlier == name) {
                return Err(self.unusable(format!("the field {name:?} is there twice")));
            }
        }
        Ok(())
    }

    fn unusable(&self, reason: String) -> QueueError {
        QueueError::Unusable { store: self.shown.clone(), reason }
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Result<Option<u64>, QueueError> {
        let Some(text) = self.field(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| *number > 0);
        number
            .map(Some)
            .ok_or_else(|| self.unusable(format!("{name}={text:?} is no number from 1")))
    }

    fn duration(&self, name: &str) -> Result<Option<Duration>, QueueError> {
        let Some(text) = self.field(name) else { return Ok(None) };
        duration(text).map(Some).ok_or_else(|| {
            self.unusable(format!(
                "{name}={text:?} is no time; expected one like 500ms, 30s, 5m, 1h or 30d"
            ))
        })
    }

    fn one_of<T: Copy>(&self, name: &str, values: &[(&str, T)], usual: T) -> Result<T, QueueError> {
        let Some(text) = self.field(name) else { return Ok(usual) };
        let found = values.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let words: Vec<&str> = values.iter().map(|(word, _)| *word).collect();
            self.unusable(format!("{name}={text:?} is not known; expected {}", words.join(" or ")))
        })
    }

    async fn open(&self, mut options: Options) -> Result<Arc<dyn Queue>, QueueError> {
        options.max_tasks = self.number("max_tasks")?.unwrap_or(options.max_tasks);
        options.done.count = self.number("done_count")?.unwrap_or(options.done.count);
        options.dead.count = self.number("dead_count")?.unwrap_or(options.dead.count);
        options.done.age = self.duration("done_age")?.unwrap_or(options.done.age);
        options.dead.age = self.duration("dead_age")?.unwrap_or(options.dead.age);
        options.lease = self.duration("lease")?.unwrap_or(options.lease);
        if options.lease < Duration::from_millis(100) {
            return Err(
                self.unusable("a lease shorter than 100ms is lost before it is renewed".to_owned())
            );
        }
        if self.scheme == "sqlite" {
            self.open_sqlite(options)
        } else {
            self.open_redis(options).await
        }
    }

    fn open_sqlite(&self, options: Options) -> Result<Arc<dyn Queue>, QueueError> {
        if self.path.is_empty() {
            return Err(self.unusable("it names no file; expected sqlite:queue.db".to_owned()));
        }
        let sync = [("full", sqlite::Synchronous::Full), ("normal", sqlite::Synchronous::Normal)];
        let usual = sqlite::Options::default();
        let options = sqlite::Options {
            max_tasks: options.max_tasks,
            done: options.done,
            dead: options.dead,
            lease: options.lease,
            synchronous: self.one_of("sync", &sync, usual.synchronous)?,
            ..usual
        };
        Ok(Arc::new(Sqlite::open(PathBuf::from(&self.path), options)?))
    }

    async fn open_redis(&self, options: Options) -> Result<Arc<dyn Queue>, QueueError> {
        let source = self.source()?;
        let usual = redis::Options::default();
        let options = redis::Options {
            order: self.one_of(
                "order",
                &[("strict", Order::Strict), ("none", Order::None)],
                usual.order,
            )?,
            max_tasks: options.max_tasks,
            done: options.done,
            dead: options.dead,
            lease: options.lease,
            timeout: self.duration("timeout")?.unwrap_or(usual.timeout),
        };
        let endpoint = self.endpoint(options.timeout)?;
        Ok(Arc::new(Redis::open(endpoint, self.shown.clone(), source, options).await?))
    }

    fn source(&self) -> Result<Source, QueueError> {
        let trim = [("acked", Trim::Acked), ("minid", Trim::MinId), ("none", Trim::None)];
        match (self.field("list"), self.field("stream")) {
            (Some(key), None) => {
                if let Some(name) =
                    ["group", "field", "trim"].into_iter().find(|name| self.field(name).is_some())
                {
                    return Err(self.unusable(format!("{name}= is for streams; a list has none")));
                }
                Ok(Source::List { key: key.to_owned() })
            }
            (None, Some(key)) => Ok(Source::Stream {
                key: key.to_owned(),
                group: self.field("group").unwrap_or("relay").to_owned(),
                field: self.field("field").unwrap_or("task").to_owned(),
                trim: self.one_of("trim", &trim, Trim::default())?,
            }),
            (Some(_), Some(_)) => Err(self.unusable(
                "list= and stream= are both there; leave out the one that does not hold the tasks"
                    .to_owned(),
            )),
            (None, None) => {
                Err(self.unusable("expected either ?list=name or ?stream=name".to_owned()))
            }
        }
    }

    fn endpoint(&self, timeout: Duration) -> Result<Endpoint, QueueError> {
        // What the library says may repeat what it was given: not shown.
        let refused =
            |error: RedisError| self.unusable(format!("it can't be used: {:?}", error.kind()));
        let is_tls = self.scheme.starts_with("rediss") || self.scheme == "valkeys";
        let certificates = self.certificates(is_tls)?;
        let settings = self.settings()?;
        if self.scheme.ends_with("unix") {
            let info = ConnectionAddr::Unix(PathBuf::from(&self.path))
                .into_connection_info()
                .map_err(refused)?;
            let client = Client::open(info.set_redis_settings(settings)).map_err(refused)?;
            return Ok(Endpoint::One(Box::new(client)));
        }
        let is_sentinel = self.scheme.ends_with("+sentinel");
        let hosts = self.hosts(if is_sentinel { 26379 } else { 6379 }, is_tls)?;
        let is_cluster = self.scheme.ends_with("+cluster")
            || self.one_of("cluster", &[("true", true), ("false", false)], false)?;
        if is_sentinel {
            let master = self.field("master").ok_or_else(|| {
                self.unusable("sentinels need master=, the name of what they watch".to_owned())
            })?;
            let mut builder = SentinelClientBuilder::new(hosts, master, SentinelServerType::Master)
                .map_err(refused)?;
            builder = builder.set_client_to_redis_db(settings.db());
            if let Some(user) = settings.username() {
                builder = builder.set_client_to_redis_username(user);
            }
            if let Some(password) = settings.password() {
                builder = builder.set_client_to_redis_password(password);
            }
            if let Some(user) = self.field("sentinel_user") {
                builder = builder.set_client_to_sentinel_username(user);
            }
            if let Some(password) = self.field("sentinel_password") {
                builder = builder.set_client_to_sentinel_password(password);
            }
            if is_tls {
                builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
            }
            if let Some(certificates) = certificates {
                builder = builder
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_certificates(certificates);
            }
            let client = builder.build().map_err(refused)?;
            return Ok(Endpoint::Sentinel(Box::new(Mutex::new(client))));
        }
        if self.field("master").is_some() {
            return Err(self.unusable("master= is for redis+sentinel://".to_owned()));
        }
        if is_cluster {
            if settings.db() != 0 {
                return Err(self.unusable("a cluster has no database but 0".to_owned()));
            }
            let mut nodes = Vec::new();
            for host in hosts {
                nodes.push(
                    host.into_connection_info()
                        .map_err(refused)?
                        .set_redis_settings(settings.clone()),
                );
            }
            let mut builder = ClusterClientBuilder::new(nodes)
                .connection_timeout(timeout)
                .response_timeout(timeout + Duration::from_secs(2));
            if let Some(certificates) = certificates {
                builder = builder.certs(certificates);
            }
            return Ok(Endpoint::Cluster(Box::new(builder.build().map_err(refused)?)));
        }
        let [host] = <[ConnectionAddr; 1]>::try_from(hosts).map_err(|_| {
            self.unusable("several hosts are for redis+sentinel:// and redis+cluster://".to_owned())
        })?;
        let info = host.into_connection_info().map_err(refused)?.set_redis_settings(settings);
        let client = match certificates {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        };
        Ok(Endpoint::One(Box::new(client.map_err(refused)?)))
    }

    fn certificates(&self, is_tls: bool) -> Result<Option<TlsCertificates>, QueueError> {
        let Some(path) = self.field("cacert") else { return Ok(None) };
        if !is_tls {
            return Err(self.unusable("cacert= is for TLS: rediss://".to_owned()));
        }
        let root = std::fs::read(path)
            .map_err(|error| self.unusable(format!("reading cacert={path:?}: {error}")))?;
        Ok(Some(TlsCertificates { client_tls: None, root_cert: Some(root) }))
    }

    fn settings(&self) -> Result<RedisConnectionInfo, QueueError> {
        let in_path = if self.scheme.ends_with("unix") { "" } else { self.path.trim_matches('/') };
        let text = match (in_path, self.field("db")) {
            ("", None) => "0",
            (path, None) => path,
            ("", Some(db)) => db,
            _ => {
                return Err(
                    self.unusable("the database is there twice: in the path and as db=".to_owned())
                );
            }
        };
        let db: u32 = text.parse().map_err(|_| {
            self.unusable(format!("the database {text:?} is no number; expected /0"))
        })?;
        let mut settings = RedisConnectionInfo::default()
            .set_db(db.into())
            .set_lib_name("sockeye-relay", env!("CARGO_PKG_VERSION"));
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        Ok(settings)
    }

    fn hosts(&self, usual_port: u16, is_tls: bool) -> Result<Vec<ConnectionAddr>, QueueError> {
        let mut hosts = Vec::new();
        for text in self.hosts.split(',') {
            let (host, port) = match text.rsplit_once(':') {
                // An IPv6 address without a port ends with its bracket.
                Some((host, port)) if !port.ends_with(']') => {
                    let port = port.parse().map_err(|_| {
                        self.unusable(format!("the port {port:?} is no number up to 65535"))
                    })?;
                    (host, port)
                }
                _ => (text, usual_port),
            };
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            if host.is_empty() {
                return Err(
                    self.unusable("it names no host; expected one like localhost".to_owned())
                );
            }
            hosts.push(if is_tls {
                ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
            } else {
                ConnectionAddr::Tcp(host, port)
            });
        }
        Ok(hosts)
    }
}

/// What stands in a part of a URL that may be escaped.
fn decode(text: &str) -> String {
    // A plus is a plus outside a query.
    let plus = text.replace('+', "%2B");
    form_urlencoded::parse(format!("x={}", plus.replace('&', "%26")).as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

fn duration(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// What may have been meant.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = known
        .clone()
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    match near {
        Some((_, near)) => format!("; did you mean {near:?}?"),
        None => format!("; expected one of {}", known.collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        match Place::parse(url) {
            Ok(place) => place.shown,
            Err(error) => format!("! {error}"),
        }
    }

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        let check = |url, expect: &str| assert_eq!(shown(url), expect, "{url}");
        check("redis://me:pa%40ss@host:1/2?list=tasks", "redis://host:1/2?list=tasks");
        check(
            "redis+sentinel://a,b:2/0?master=m&list=q&sentinel_password=x",
            "redis+sentinel://a,b:2/0?list=q",
        );
        check("unix:/run/redis.sock?stream=s", "unix:/run/redis.sock?stream=s");
        check("sqlite:queue.db?sync=normal", "sqlite:queue.db");
        for url in [
            "redis://me:secret@host/?lst=tasks",
            "redis://:secret@host/x?list=q",
            "redsi://:secret@host",
        ] {
            let told = shown(url);
            assert!(!told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn what_is_unknown_is_told_with_what_is_near() {
        assert!(shown("redis://h?lits=q").contains(r#"did you mean "list"?"#));
        assert!(shown("sqlite:a.db?list=q").contains("expected one of"));
        assert!(shown("redsi://h").contains(r#"did you mean "redis"?"#));
        assert!(shown("redis://h?list=a&list=b").contains("twice"));
    }

    #[test]
    fn logins_and_hosts_are_read() {
        let place = Place::parse("rediss://me:p%40+s@[::1]:7,h2,[fe80::1]/3?list=q").unwrap();
        assert_eq!(place.user.as_deref(), Some("me"));
        assert_eq!(place.password.as_deref(), Some("p@+s"));
        let hosts: Vec<String> =
            place.hosts(6379, false).unwrap().into_iter().map(|host| host.to_string()).collect();
        assert_eq!(hosts, ["::1:7", "h2:6379", "fe80::1:6379"]);
        assert_eq!(place.settings().unwrap().db(), 3);
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("1500ms"), Some(Duration::from_millis(1500)));
        for bad in ["", "30", "s", "0s", "-1s", "1.5s", "3 s"] {
            assert_eq!(duration(bad), None, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_together_is_refused() {
        for (url, expect) in [
            ("redis://h", "either ?list"),
            ("redis://h?list=a&stream=b", "list= and stream= are both there"),
            ("redis://h?list=a&group=g", "for streams"),
            ("redis://a,b?list=q", "several hosts"),
            ("redis+sentinel://a?list=q", "master="),
            ("redis+cluster://a/2?list=q", "no database"),
            ("redis://h/1?list=q&db=2", "twice"),
            ("redis://h?list=q&order=loose", "strict or none"),
            ("redis://h?list=q&lease=1", "no time"),
            ("redis://h?list=q&cacert=x", "rediss"),
            ("redis://h:99999?list=q", "65535"),
            ("sqlite:", "no file"),
        ] {
            let error = open(url, Options::default()).await.map(drop).unwrap_err();
            assert!(matches!(error, QueueError::Unusable { .. }), "{url}: {error}");
            assert!(error.to_string().contains(expect), "{url}: {error}");
        }
    }
}
