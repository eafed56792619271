//! Makes of a configuration what a relay is built of.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use serde_json::Value;
use serde_json_path::JsonPath;
use sockeye::client::{self, Builder, Client, Proxy, Tls, Version};

use super::{
    Config, ConfigError, Connection, Eio, Event, Fsync, MappedArgs, OnConnect, Parser, Sink,
    Transport, WhenFull,
    fetch::{self, FetchError, Learn},
    values::CUT_LOGIN,
};
use crate::{
    delivery::{Confirm, Limits, Policy, Rate, Retry},
    expression::{Expression, path_in_first},
    ingress::{
        Filter, Full, Receiver, SinkPlan, SpoolOptions,
        sink::{self, FileSink, OutputSink, RedisKind, RedisSink, TableSink, Webhook},
    },
    queue::{self, sqlite::Retention},
    relay::{Reader, Routes, Settings},
    shell,
    target::{Judge, Judgement, Options, Reply, Step, Target},
    task::{self, Task},
};

impl Config {
    /// The URL of the queue: that of `from`, or where lines of standard input are kept.
    #[must_use]
    pub fn queue_url(&self) -> &str {
        let named = self.from.as_ref().filter(|from| from.reveal() != "-").or(self.queue.as_ref());
        named.map_or("sqlite:relay.db", |url| url.reveal())
    }

    /// Whether tasks come by standard input.
    #[must_use]
    pub fn reads_stdin(&self) -> bool {
        self.from.as_ref().is_some_and(|from| from.reveal() == "-")
    }

    /// How the queue is opened.
    #[must_use]
    pub fn queue_options(&self) -> queue::Options {
        let usual = queue::Options::default();
        let store = &self.store;
        queue::Options {
            max_tasks: store.max_tasks,
            done: Retention { count: store.done_count, age: store.done_age.0, ..usual.done },
            dead: Retention { count: store.dead_count, age: store.dead_age.0, ..usual.dead },
            lease: store.lease.0,
        }
    }

    /// How tasks are treated.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]: an expression, a path or a number can't be used.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        let delivery = &self.delivery;
        if delivery.in_flight == 0 {
            return Err(ConfigError::value(
                "delivery.in_flight",
                "0 would send nothing; expected 1 or more",
            ));
        }
        self.check_bounds()?;
        if delivery.confirm == Confirm::Event && delivery.reply.is_none() {
            return Err(ConfigError::value(
                "delivery.confirm",
                "\"event\" needs to know which event answers; add reply = { event = \"…\", where = \"$[0].id == task.id\" }",
            ));
        }
        self.reply(self.judge()?.as_ref())?; // what is wrong in them is told before a task needs them
        let rate = delivery.rate.map(|rate| {
            let valid = rate.per_second.is_finite() && rate.per_second > 0.0;
            let burst = rate.burst.unwrap_or_else(|| rate.per_second.ceil().max(1.0) as u32);
            (valid && burst > 0)
                .then_some(Rate { per_second: rate.per_second, burst })
                .ok_or_else(|| ConfigError::value("delivery.rate", "expected numbers above 0"))
        });
        let usual = Limits::new(delivery.in_flight);
        Ok(Settings {
            limits: Limits {
                max_claimed: delivery.max_claimed.unwrap_or(usual.max_claimed).max(1),
                max_bytes: usize::try_from(delivery.max_claimed_bytes.0).unwrap_or(usize::MAX),
                rate: rate.transpose()?,
                ..usual
            },
            routes: self.routes()?,
            reader: self.reader()?,
            dedupes: self.store.done_count > 0,
            grace: delivery.grace.0,
        })
    }

    /// Bounds that would lay the whole queue among the dead, or let nothing through.
    fn check_bounds(&self) -> Result<(), ConfigError> {
        let is_zero = |time: Option<super::Time>| time.is_some_and(|time| time.0.is_zero());
        let check = |key: String, is_wrong: bool, consequence: &str| match is_wrong {
            true => {
                Err(ConfigError::value(key, format!("with 0 {consequence}; expected 1 or more")))
            }
            false => Ok(()),
        };
        let delivery = &self.delivery;
        let dead = "every task would be dead before it is sent";
        let unconfirmed = "nothing could be confirmed";
        check("delivery.max_attempts".into(), delivery.max_attempts == 0, dead)?;
        check("delivery.max_deliveries".into(), delivery.max_deliveries == 0, dead)?;
        check("delivery.max_age".into(), is_zero(delivery.max_age), dead)?;
        let timeout = Some(delivery.confirm_timeout);
        check("delivery.confirm_timeout".into(), is_zero(timeout), unconfirmed)?;
        for (name, event) in &self.event {
            let key = |key: &str| format!("event.{name}.{key}");
            check(key("max_attempts"), event.max_attempts == Some(0), dead)?;
            check(key("max_age"), is_zero(event.max_age), dead)?;
            check(key("confirm_timeout"), is_zero(event.confirm_timeout), unconfirmed)?;
        }
        check("store.max_tasks".into(), self.store.max_tasks == 0, "the queue would take nothing")
    }

    /// Whether a relay could be made of it, as far as that shows before anything is opened or asked: all that is wrong in it is
    /// told here, and the files that it names for TLS are read.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        self.settings()?;
        self.check_queue()?;
        self.sinks()?;
        self.spool_options()?;
        let learn: Learn = Arc::new(|_| {});
        self.connections(None, &learn)?;
        for connection in &self.to.0 {
            connection.check_url()?;
        }
        Ok(())
    }

    fn check_queue(&self) -> Result<(), ConfigError> {
        let is_stdin = self.reads_stdin();
        let key = if is_stdin || self.from.is_none() { "queue" } else { "from" };
        if is_stdin && self.queue.as_ref().is_some_and(|queue| queue.reveal() == "-") {
            return Err(ConfigError::value("queue", "\"-\" keeps nothing; expected sqlite:FILE"));
        }
        queue::check(self.queue_url(), self.queue_options())
            .map_err(|error| ConfigError::value(key, error))
    }

    /// What the connections are called, in their order.
    #[must_use]
    pub fn target_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (index, connection) in self.to.0.iter().enumerate() {
            names.push(connection.name.clone().unwrap_or_else(|| {
                let host = connection.place_name().unwrap_or_else(|| "server".to_owned());
                if names.contains(&host) { format!("{host} {}", index + 1) } else { host }
            }));
        }
        names
    }

    /// Which connection a task goes to.
    fn routes(&self) -> Result<Routes, ConfigError> {
        let mut routes = Routes::default();
        let mut otherwise = None;
        for (index, connection) in self.to.0.iter().enumerate() {
            if connection.keys.is_empty() && otherwise.replace(index).is_some() {
                let reason = "a second one has no keys, and tasks that fit nowhere can go to one alone; give it keys = [\"…\"]";
                return Err(ConfigError::value("to", reason));
            }
            for key in &connection.keys {
                routes = routes.key(key, index);
            }
        }
        Ok(match otherwise {
            Some(index) => routes.otherwise(index),
            None => routes,
        })
    }

    /// Where the parts of a task are; `None` if tasks are envelopes.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]: a path can't be read, or a field is none.
    pub fn mapping(&self) -> Result<Option<task::Mapping>, ConfigError> {
        let mut of_events =
            self.event.iter().filter_map(|(name, it)| Some((name, it.args.as_ref()?)));
        let Some(mapping) = &self.task else {
            return match of_events.next() {
                None => Ok(None),
                Some((name, _)) => Err(ConfigError::value(
                    format!("event.{name}.args"),
                    "they are where [task] says that the parts of a task are, and there is none; an envelope has args of its own",
                )),
            };
        };
        let mut mapping = mapping.build()?;
        for (name, args) in of_events {
            let with_args = match args {
                MappedArgs::Each(paths) => {
                    mapping.with_args_of(name, paths.iter().map(String::as_str))
                }
                MappedArgs::Whole(path) => mapping.with_args_of_at(name, path),
            };
            mapping =
                with_args.map_err(|error| ConfigError::value(format!("event.{name}"), error))?;
        }
        Ok(Some(mapping))
    }

    fn reader(&self) -> Result<Reader, ConfigError> {
        let mapping = self.mapping()?;
        let policies = Policies::new(self);
        // What needs a reply, and can't get one, is told now and not with the first task.
        if self.delivery.reply.is_none()
            && let Some((name, _)) =
                self.event.iter().find(|(_, event)| event.confirm == Some(Confirm::Event))
        {
            let key = format!("event.{name}.confirm");
            return Err(ConfigError::value(
                key,
                "\"event\" needs delivery.reply, which says what answers",
            ));
        }
        let has_reply = self.delivery.reply.is_some();
        Ok(Reader::new(move |body: &Bytes| {
            let task = Task::read(mapping.as_ref(), body).map_err(|error| error.to_string())?;
            let policy = policies.of(&task);
            if policy.confirm == Confirm::Event && !has_reply {
                return Err("confirm is \"event\"; the relay is not told which event answers (delivery.reply)".to_owned());
            }
            Ok((task, policy))
        }))
    }

    /// The connections, which begin to connect. `learn` is told the secrets that are fetched for them.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]: one can't be made as it is said.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn targets(
        &self,
        receiver: Option<&Arc<dyn Receiver>>,
        learn: &Learn,
    ) -> Result<Vec<Arc<Target>>, ConfigError> {
        let connections = self.connections(receiver, learn)?;
        let mut targets = Vec::with_capacity(connections.len());
        for (name, builder, options) in connections {
            let target = Target::start(name.as_str(), builder, options);
            let target =
                target.map_err(|error| ConfigError::value(format!("to {name:?}"), error))?;
            targets.push(Arc::new(target));
        }
        Ok(targets)
    }

    /// The connections, before they begin to connect: what each is called, and what it is made of.
    fn connections(
        &self,
        receiver: Option<&Arc<dyn Receiver>>,
        learn: &Learn,
    ) -> Result<Vec<(String, Builder, Options)>, ConfigError> {
        if self.to.0.is_empty() {
            return Err(ConfigError::value(
                "to",
                "no server is named; add to = \"https://host/namespace\", or --to URL",
            ));
        }
        let judge = self.judge()?;
        let reply = self.reply(judge.as_ref())?;
        let mut connections: Vec<(String, Builder, Options)> = Vec::new();
        for (name, connection) in self.target_names().into_iter().zip(&self.to.0) {
            if connections.iter().any(|(other, ..)| *other == name) {
                return Err(ConfigError::value("to.name", format!("{name:?} is given twice")));
            }
            let script = connection.on_connect.iter().map(OnConnect::build);
            let options = Options {
                script: script.collect::<Result<_, _>>()?,
                judge: judge.clone(),
                reply: reply.clone(),
                receiver: receiver.cloned(),
                delays: None,
            };
            connections.push((name, connection.builder(learn)?, options));
        }
        Ok(connections)
    }

    /// What an ack means.
    fn judge(&self) -> Result<Option<Judge>, ConfigError> {
        let delivery = &self.delivery;
        let usual =
            Rules::new("delivery", delivery.success.as_deref(), delivery.permanent.as_deref())?;
        let mut by_event = HashMap::new();
        for (name, event) in &self.event {
            if event.success.is_some() || event.permanent.is_some() {
                let success = event.success.as_ref().or(delivery.success.as_ref());
                let permanent = event.permanent.as_ref().or(delivery.permanent.as_ref());
                let key = format!("event.{name}");
                let rules = Rules::new(&key, success.map(|it| &**it), permanent.map(|it| &**it))?;
                by_event.insert(name.clone(), rules);
            }
        }
        if usual.is_empty() && by_event.is_empty() {
            return Ok(None);
        }
        Ok(Some(Judge::new(move |task, args| {
            let rules = task.and_then(|task| by_event.get(&*task.event)).unwrap_or(&usual);
            rules.judge(task, args)
        })))
    }

    /// Which event answers.
    fn reply(&self, judge: Option<&Judge>) -> Result<Option<Reply>, ConfigError> {
        let Some(reply) = &self.delivery.reply else { return Ok(None) };
        let matches = expression("delivery.reply.where", &reply.matches)?;
        let judge = judge.cloned();
        Ok(Some(Reply::new(reply.event.as_str(), move |task, args| {
            let is_answer = matches.is_true(args, Some(task.subject()));
            is_answer
                .then(|| judge.as_ref().map_or(Judgement::Success, |it| it.judge(Some(task), args)))
        })))
    }

    /// How the spool is opened.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]: `event_id` is not a JSONPath.
    pub fn spool_options(&self) -> Result<SpoolOptions, ConfigError> {
        let spool = &self.spool;
        if let Some(path) = &spool.event_id
            && let Some(meant) = path_in_first(path)
        {
            let reason = format!(
                "{path:?} finds nothing, for the arguments are a list: {meant:?} is that of the first"
            );
            return Err(ConfigError::value("spool.event_id", reason));
        }
        let event_id = spool.event_id.as_deref().map(JsonPath::parse).transpose();
        Ok(SpoolOptions {
            max_records: spool.max_records,
            max_bytes: spool.max_bytes.0,
            max_age: spool.max_age.map(|age| age.0),
            when_full: match spool.when_full {
                WhenFull::DropOldest => Full::DropOldest,
                WhenFull::DropNewest => Full::DropNewest,
                WhenFull::Disconnect => Full::Disconnect,
            },
            event_id: event_id.map_err(|error| ConfigError::value("spool.event_id", error))?,
            ..SpoolOptions::default()
        })
    }

    /// Where what the server sends goes.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]: a sink can't be made as it is said.
    pub fn sinks(&self) -> Result<Vec<SinkPlan>, ConfigError> {
        let mut plans: Vec<SinkPlan> = Vec::new();
        let mut files = HashSet::new();
        for (index, sink) in self.sink.iter().enumerate() {
            // The spool keeps for each name how far it is: one that had another's would miss records.
            let name = sink.name.clone().unwrap_or_else(|| {
                let place = sink.to.name();
                let is_taken = plans.iter().any(|plan| *plan.name == *place);
                if is_taken { format!("{place} {}", index + 1) } else { place }
            });
            if plans.iter().any(|plan| *plan.name == *name) {
                return Err(ConfigError::value("sink.name", format!("{name:?} is given twice")));
            }
            // What is in a file already is known by its last line: of another sink's it says nothing.
            let file = sink.to.reveal().strip_prefix("file:");
            if let Some(file) = file.and_then(|file| std::path::absolute(file).ok())
                && !files.insert(file)
            {
                return Err(ConfigError::value(
                    "sink.to",
                    format!(
                        "{} is the file of two sinks; give one of them another, or both sets of events to one sink",
                        sink.to
                    ),
                ));
            }
            let mut plan = sink.build(&name)?;
            if !sink.events.is_empty() {
                plan.filter = Filter::new(sink.events.iter().map(String::as_str));
            }
            plans.push(plan);
        }
        Ok(plans)
    }
}

/// What is promised, by event.
struct Policies {
    usual: Arc<Policy>,
    by_event: HashMap<String, Arc<Policy>>,
}

impl Policies {
    fn new(config: &Config) -> Self {
        let delivery = &config.delivery;
        let usual = Policy {
            confirm: delivery.confirm,
            confirm_timeout: delivery.confirm_timeout.0,
            on_unknown: delivery.on_unknown,
            retry: Retry {
                max_attempts: delivery.max_attempts,
                first: delivery.first_delay.0,
                max: delivery.max_delay.0,
            },
            max_age: delivery.max_age.map(|age| age.0),
            max_deliveries: delivery.max_deliveries,
        };
        let by_event =
            config.event.iter().map(|(name, event)| (name.clone(), Arc::new(event.over(&usual))));
        Self { by_event: by_event.collect(), usual: Arc::new(usual) }
    }

    fn of(&self, task: &Task) -> Arc<Policy> {
        let policy = self.by_event.get(&*task.event).unwrap_or(&self.usual);
        if task.confirm.is_none() && task.max_attempts.is_none() {
            return Arc::clone(policy);
        }
        let mut own = Policy::clone(policy);
        own.confirm = task.confirm.unwrap_or(own.confirm);
        own.retry.max_attempts = task.max_attempts.unwrap_or(own.retry.max_attempts);
        Arc::new(own)
    }
}

impl Event {
    fn over(&self, usual: &Policy) -> Policy {
        let time = |own: Option<super::Time>, usual: Duration| own.map_or(usual, |it| it.0);
        Policy {
            confirm: self.confirm.unwrap_or(usual.confirm),
            confirm_timeout: time(self.confirm_timeout, usual.confirm_timeout),
            on_unknown: self.on_unknown.unwrap_or(usual.on_unknown),
            retry: Retry {
                max_attempts: self.max_attempts.unwrap_or(usual.retry.max_attempts),
                first: time(self.first_delay, usual.retry.first),
                max: time(self.max_delay, usual.retry.max),
            },
            max_age: self.max_age.map(|age| age.0).or(usual.max_age),
            max_deliveries: usual.max_deliveries,
        }
    }
}

/// What an answer means, by two expressions.
struct Rules {
    success: Option<Expression>,
    permanent: Option<Expression>,
}

impl Rules {
    fn new(key: &str, success: Option<&str>, permanent: Option<&str>) -> Result<Self, ConfigError> {
        let parse = |name: &str, text: Option<&str>| {
            text.map(|text| expression(&format!("{key}.{name}"), text)).transpose()
        };
        Ok(Self { success: parse("success", success)?, permanent: parse("permanent", permanent)? })
    }

    const fn is_empty(&self) -> bool {
        self.success.is_none() && self.permanent.is_none()
    }

    fn judge(&self, task: Option<&Task>, args: &Value) -> Judgement {
        let task = task.map(Task::subject);
        let holds = |rule: &Expression| rule.is_true(args, task);
        let is_permanent = self.permanent.as_ref().is_some_and(holds);
        match &self.success {
            Some(success) if success.is_true(args, task) => Judgement::Success,
            None if !is_permanent => Judgement::Success,
            _ if is_permanent => Judgement::Permanent,
            _ => Judgement::Retryable,
        }
    }
}

fn expression(key: &str, text: &str) -> Result<Expression, ConfigError> {
    Expression::parse(text).map_err(|error| ConfigError::value(key, error))
}

impl super::Mapping {
    fn build(&self) -> Result<task::Mapping, ConfigError> {
        let wrong = |error: task::MappingError| ConfigError::value("task", error);
        let fields = self.fields();
        match &self.args {
            MappedArgs::Each(paths) => {
                task::Mapping::new(fields, paths.iter().map(String::as_str)).map_err(wrong)
            }
            MappedArgs::Whole(path) => task::Mapping::new(fields, [&**path])
                .and_then(|mapping| mapping.with_args_at(path))
                .map_err(wrong),
        }
    }
}

impl OnConnect {
    fn build(&self) -> Result<Step, ConfigError> {
        let key = format!("to.on_connect {:?}", self.event);
        let json = Value::from(self.args.clone()).to_string();
        let args =
            task::read_args(&json).map_err(|error| ConfigError::value(key.as_str(), error))?;
        let rules = Rules::new(&key, self.expect.as_deref(), None)?;
        Ok(Step {
            event: self.event.clone(),
            args,
            ack_within: self.ack.then_some(self.timeout.0),
            judge: self
                .expect
                .is_some()
                .then(|| Judge::new(move |task, args| rules.judge(task, args))),
        })
    }
}

/// How long connecting may take, unless it is said.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);

impl Connection {
    /// The host and the port, as the URL names them.
    fn place_name(&self) -> Option<String> {
        let url = url::Url::parse(self.url.reveal()).ok()?;
        let host = url.host_str()?;
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        let namespace = self.nsp.as_deref().unwrap_or_else(|| url.path());
        Some(format!("{host}{port}{}", namespace.trim_end_matches('/')))
    }

    /// The URL, with its namespace.
    fn place(&self) -> Result<String, ConfigError> {
        if self.url.has_cut_login() {
            return Err(ConfigError::value("to.url", CUT_LOGIN));
        }
        let Some(namespace) = &self.nsp else { return Ok(self.url.reveal().to_owned()) };
        let mut url = url::Url::parse(self.url.reveal())
            .map_err(|error| ConfigError::value("to.url", format!("{}: {error}", self.url)))?;
        url.set_path(namespace);
        Ok(url.into())
    }

    /// What the client would say of the URL once it begins to connect.
    fn check_url(&self) -> Result<(), ConfigError> {
        const EXPECTED: &str = "expected http://, https://, ws:// or wss://, then a host, such as https://host/namespace";

        let wrong = |reason: &str| {
            let reason = format!("{} can't be connected to{reason}; {EXPECTED}", self.url);
            Err(ConfigError::value("to.url", reason))
        };
        if self.url.reveal().is_empty() {
            return Err(ConfigError::value("to.url", format!("no server is named; {EXPECTED}")));
        }
        match url::Url::parse(&self.place()?) {
            Ok(url) if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") => {
                wrong(&format!(" by {:?}", url.scheme()))
            }
            Ok(url) if url.host_str().is_none_or(str::is_empty) => wrong(""),
            Ok(_) => Ok(()),
            Err(error) => wrong(&format!(" ({error})")),
        }
    }

    /// A client of this connection.
    fn builder(&self, learn: &Learn) -> Result<Builder, ConfigError> {
        let timeout = self.timeout.map_or(CONNECT_WITHIN, |timeout| timeout.0);
        let mut builder = Client::builder(self.place()?).connect_timeout(timeout);
        if let Some(path) = &self.path {
            builder = builder.path(path);
        }
        builder = match self.eio {
            Eio::Auto => builder,
            Eio::V3 => builder.version(Version::V3),
            Eio::V4 => builder.version(Version::V4),
        };
        builder = match self.transport {
            Transport::Auto => builder,
            Transport::Polling => builder.transports([client::Transport::Polling]).upgrade(false),
            Transport::WebSocket => builder.websocket_only(),
        };
        builder = match self.parser {
            Parser::Json => builder,
            Parser::MsgPack => builder.parser(client::Parser::MsgPack),
        };
        for (name, value) in &self.headers {
            let key = format!("to.headers {name:?}");
            let wrong = |reason: &str| ConfigError::value(key.as_str(), reason);
            let name: HeaderName = name.parse().map_err(|_| wrong("not the name of a header"))?;
            let mut value: HeaderValue =
                value.reveal().parse().map_err(|_| wrong("its value can't stand in a header"))?;
            value.set_sensitive(true);
            builder = builder.header(name, value);
        }
        for (name, value) in &self.query {
            builder = builder.query(name, value.reveal());
        }
        builder = self.with_auth(builder, timeout, learn)?;
        if let Some(line) = self.bearer_command.clone() {
            let learn = Arc::clone(learn);
            builder = builder.before_attempt(move |attempt| {
                let (line, learn) = (line.clone(), Arc::clone(&learn));
                async move {
                    let token = shell::output(&line, timeout).await?;
                    learn(token.trim());
                    let value = format!("Bearer {}", token.trim());
                    let mut value =
                        HeaderValue::from_str(&value).map_err(|_| FetchError::NotAToken)?;
                    value.set_sensitive(true);
                    Ok::<_, FetchError>(attempt.header(header::AUTHORIZATION, value))
                }
            });
        }
        if let Some(tls) = self.tls()? {
            builder = builder.tls(tls);
        }
        match self.proxy.as_ref().map(super::Secret::reveal) {
            None => {}
            Some("" | "none") => builder = builder.proxy(Proxy::none()),
            Some(url) => {
                let proxy =
                    Proxy::new(url).map_err(|error| ConfigError::value("to.proxy", error))?;
                builder = builder.proxy(proxy);
            }
        }
        Ok(builder)
    }

    fn with_auth(
        &self,
        builder: Builder,
        timeout: Duration,
        learn: &Learn,
    ) -> Result<Builder, ConfigError> {
        let learn = Arc::clone(learn);
        match (&self.auth, &self.auth_file, &self.auth_command) {
            (None, None, None) => Ok(builder),
            (Some(auth), None, None) => Ok(builder.auth(auth.clone())),
            (None, Some(path), None) => {
                let path = path.clone();
                Ok(builder.auth_with(move || {
                    let (path, learn) = (path.clone(), Arc::clone(&learn));
                    async move { fetch::auth(&fetch::file(&path).await?, &learn) }
                }))
            }
            (None, None, Some(line)) => {
                let line = line.clone();
                Ok(builder.auth_with(move || {
                    let (line, learn) = (line.clone(), Arc::clone(&learn));
                    async move { fetch::auth(&shell::output(&line, timeout).await?, &learn) }
                }))
            }
            _ => Err(ConfigError::value(
                "to",
                "auth, auth_file and auth_command exclude each other; keep one",
            )),
        }
    }

    fn tls(&self) -> Result<Option<Tls>, ConfigError> {
        if !self.insecure && self.cacert.is_empty() && self.cert.is_none() && self.pin.is_empty() {
            return Ok(None);
        }
        let read = |key: &str, path: &PathBuf| {
            fs::read(path).map_err(|error| {
                ConfigError::value(format!("to.{key}"), format!("{}: {error}", path.display()))
            })
        };
        let mut builder = Tls::builder().danger_accept_invalid_certs(self.insecure);
        for path in &self.cacert {
            builder = builder.add_pem(read("cacert", path)?).believe_platform(false);
        }
        for pin in &self.pin {
            builder = builder.pin(pin);
        }
        if let Some(path) = &self.cert {
            let chain = read("cert", path)?;
            let key =
                self.key.as_ref().map_or_else(|| Ok(chain.clone()), |path| read("key", path))?;
            builder = builder.identity_pem(chain, key);
        }
        builder.build().map(Some).map_err(|error| ConfigError::value("to", error))
    }
}

impl Sink {
    fn build(&self, name: &str) -> Result<SinkPlan, ConfigError> {
        let to = self.to.reveal();
        let wrong =
            |reason: &dyn std::fmt::Display| ConfigError::value(format!("sink {name:?}"), reason);
        if self.to.has_cut_login() {
            return Err(wrong(&CUT_LOGIN));
        }
        if to == "-" {
            return Ok(SinkPlan::new(name, OutputSink::new(tokio::io::stdout())));
        }
        if let Some(path) = to.strip_prefix("sqlite:") {
            return Ok(SinkPlan::new(name, TableSink::new(path, self.max_entries)));
        }
        if let Some(path) = to.strip_prefix("file:") {
            let fsync = match self.fsync {
                Fsync::Always => sink::Fsync::Always,
                Fsync::Batch => sink::Fsync::Batch,
                Fsync::Never => sink::Fsync::Never,
            };
            let max_bytes = self.rotate_bytes.map(|size| size.0);
            return Ok(SinkPlan::new(name, FileSink::new(path, max_bytes, self.keep, fsync)));
        }
        if to.starts_with("http://") || to.starts_with("https://") {
            let mut webhook = Webhook::builder(to);
            if let Some(secret) = &self.secret {
                webhook = webhook.secret(secret.reveal());
            }
            return Ok(SinkPlan::new(name, webhook.build().map_err(|error| wrong(&error))?));
        }
        let expected = "expected redis://host/0?stream=NAME (or list=, or channel=), sqlite:FILE, file:FILE, - or http(s)://…";
        let (url, field) = to.rsplit_once('?').ok_or_else(|| wrong(&expected))?;
        let (kind, key) = match field.split_once('=') {
            Some(("stream", key)) => (RedisKind::Stream { max_entries: self.max_entries }, key),
            Some(("list", key)) => (RedisKind::ListLeft, key),
            Some(("channel", key)) => (RedisKind::Channel, key),
            _ => return Err(wrong(&expected)),
        };
        let sink = RedisSink::new(url, kind, key, name).map_err(|error| wrong(&error))?;
        Ok(SinkPlan::new(name, sink))
    }
}
