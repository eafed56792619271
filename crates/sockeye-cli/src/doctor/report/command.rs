//! The command line that was given, to be changed and pasted. Secrets stand in it by reference.

use std::env;

use sockeye::client::Query;

use crate::{
    reach::{Connection, Eio, Encoding, Header, Transports},
    secrets::{BETWEEN_FIELDS, REDACTED, Secrets, is_open, is_open_field, is_open_header},
    values::quoted,
};

/// A command line that leads to a server.
#[derive(Clone, Debug)]
pub(crate) struct CommandLine {
    url: String,
    /// Flags with their values, quoted.
    flags: Vec<(&'static str, Option<String>)>,
}

impl CommandLine {
    /// What was given. `token` is what the command for a token printed: is it in the command itself, that is a secret.
    pub(crate) fn of(connection: &Connection, token: Option<&str>) -> Self {
        let mut line = Self { url: url(&without_own(&connection.url)), flags: Vec::new() };
        for name in &connection.namespaces {
            line.flags.push(("--nsp", Some(url(name))));
        }
        if connection.path != "/socket.io/" {
            line.flags.push(("--path", Some(url(&connection.path))));
        }
        if connection.no_trailing_slash {
            line.flags.push(("--no-trailing-slash", None));
        }
        if connection.transport != Transports::Auto {
            line.flags.push(("--transport", Some(connection.transport.to_string())));
        }
        if connection.eio != Eio::Auto {
            line.flags.push(("--eio", Some(connection.eio.to_string())));
        }
        if connection.parser != Encoding::Json {
            line.flags.push(("--parser", Some(connection.parser.to_string())));
        }
        for Header { name, value } in &connection.headers {
            let value = match value.to_str() {
                Ok(text) if is_open_header(name, value) => quoted(&format!("{name}: {text}")),
                _ => format!("\"{name}: ${}\"", variable(name.as_str())),
            };
            line.flags.push(("-H", Some(value)));
        }
        for field in connection.query.iter().filter(|field| !is_own(&field.name)) {
            let written = format!("{}={}", field.name, field.value);
            let value = if is_open_field(&written) {
                quoted(&written)
            } else {
                format!("\"{}=${}\"", escaped(&field.name), variable(&field.name))
            };
            line.flags.push(("--query", Some(value)));
        }
        match &connection.auth {
            // It is still in the environment.
            Some(auth) if env::var("SOCKEYE_AUTH").is_ok_and(|given| given == *auth) => {}
            Some(auth) if auth.starts_with('@') => line.flags.push(("--auth", Some(quoted(auth)))),
            Some(_) => line.flags.push(("--auth", Some("@auth.json".to_owned()))),
            None => {}
        }
        if let Some(command) = &connection.bearer_cmd {
            let holds = token.is_some_and(|token| command.contains(token)) || !is_open(command);
            let value = if holds { "\"$BEARER_CMD\"".to_owned() } else { quoted(command) };
            line.flags.push(("--bearer-cmd", Some(value)));
        }
        line.road(connection)
    }

    fn road(mut self, connection: &Connection) -> Self {
        let road = &connection.road;
        if road.insecure {
            self.flags.push(("-k", None));
        }
        let files = [("--cert", &road.cert), ("--key", &road.key)];
        let authorities = road.cacert.iter().map(|file| ("--cacert", file));
        let files = files.into_iter().filter_map(|(flag, file)| Some((flag, file.as_ref()?)));
        for (flag, file) in authorities.chain(files) {
            self.flags.push((flag, Some(quoted(&file.to_string_lossy()))));
        }
        for pin in &road.pin {
            self.flags.push(("--pin", Some(quoted(pin))));
        }
        if let Some(proxy) = &road.proxy {
            let has_password = proxy.contains('@');
            let value = if has_password { "\"$PROXY\"".to_owned() } else { quoted(proxy) };
            self.flags.push(("-x", Some(value)));
        }
        self
    }

    /// With this flag, and no other value of it.
    pub(crate) fn with(self, flag: &'static str, value: &str) -> Self {
        let mut line = self.without(flag);
        line.flags.push((flag, Some(quoted(value))));
        line
    }

    /// Without this flag.
    pub(crate) fn without(mut self, flag: &str) -> Self {
        self.flags.retain(|(given, _)| *given != flag);
        self
    }

    /// Without a query, be it in the URL or beside it.
    pub(crate) fn without_query(mut self) -> Self {
        let quote = if self.url.starts_with(['"', '\'']) { &self.url[..1] } else { "" };
        if let Some(at) = self.url.find('?') {
            self.url = format!("{}{quote}", &self.url[..at]);
        }
        self.without("--query")
    }

    /// With Engine.IO at this path.
    pub(crate) fn at(self, path: &str) -> Self {
        let mut line = self.without("--path").without("--no-trailing-slash");
        if path != "/socket.io/" {
            line = line.with("--path", path);
        }
        if !path.ends_with('/') {
            line.flags.push(("--no-trailing-slash", None));
        }
        line
    }

    /// To another server; the query stays.
    pub(crate) fn to(mut self, base: &str) -> Self {
        let query = self.url.find('?').map(|at| self.url[at..].trim_end_matches('"').to_owned());
        let base = base.split(['?', '#']).next().unwrap_or(base);
        self.url = match query {
            Some(query) if self.url.starts_with('"') => format!("\"{}{query}\"", escaped(base)),
            Some(query) => quoted(&format!("{base}{}", query.trim_matches('\''))),
            None => quoted(base),
        };
        self
    }

    /// Connects, and shows what comes for a while.
    pub(crate) fn listen(&self) -> String {
        format!("{} --for 10s", self.written("listen"))
    }

    /// Asks the doctor again.
    pub(crate) fn doctor(&self) -> String {
        self.written("doctor")
    }

    fn written(&self, subcommand: &str) -> String {
        let mut text = format!("sockeye {subcommand} {}", self.url);
        for (flag, value) in &self.flags {
            text.push(' ');
            text.push_str(flag);
            if let Some(value) = value {
                text.push(' ');
                text.push_str(value);
            }
        }
        text
    }
}

/// A URL without the fields that Engine.IO decides: a client does not send them.
fn without_own(url: &str) -> String {
    let (rest, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let Some((base, query)) = rest.split_once('?') else { return url.to_owned() };
    let Ok(kept) = Query::of_url(&format!("http://host/?{query}")) else { return url.to_owned() };
    if kept.left_out().is_empty() {
        return url.to_owned();
    }
    let name = |field: &str| {
        form_urlencoded::parse(field.as_bytes()).next().map(|(name, _)| name.into_owned())
    };
    let is_kept = |field: &&str| name(field).is_none_or(|name| !kept.left_out().contains(&&*name));
    let fields: Vec<_> = query.split('&').filter(is_kept).collect();
    let question = if fields.is_empty() { "" } else { "?" };
    format!("{base}{question}{}{fragment}", fields.join("&"))
}

/// Whether a field is one that Engine.IO decides.
fn is_own(name: &str) -> bool {
    let mut query = Query::default();
    query.push(name, "");
    !query.left_out().is_empty()
}

/// A URL or a part of one, in double quotes if what is secret in it has become the name of a variable.
fn url(given: &str) -> String {
    let (rest, fragment) = given.split_once('#').map_or((given, None), |(url, f)| (url, Some(f)));
    let (base, query) = rest.split_once('?').map_or((rest, None), |(url, q)| (url, Some(q)));
    let mut has_secret = !is_open(base);
    let without =
        |part: &str| escaped(&Secrets::default().redact(part)).replace(REDACTED, "${SECRET}");
    let mut text = match user(base) {
        Some((scheme, host)) => {
            format!("{}${{USER_AND_PASSWORD}}@{}", escaped(scheme), without(host))
        }
        None => without(base),
    };
    for (mark, fields) in [('?', query), ('#', fragment)] {
        text.extend(fields.map(|_| mark));
        for field in fields.unwrap_or_default().split_inclusive(BETWEEN_FIELDS) {
            let bare = field.trim_end_matches(BETWEEN_FIELDS);
            if is_open_field(bare) {
                text += &escaped(field);
                continue;
            }
            has_secret = true;
            text += &match bare.split_once('=') {
                Some((name, _)) => format!("{}=${{{}}}", escaped(name), variable(name)),
                None => "${SECRET}".to_owned(),
            };
            text += &field[bare.len()..];
        }
    }
    if has_secret { format!("\"{text}\"") } else { quoted(given) }
}

/// What stands around the user of a URL, if there is one.
fn user(base: &str) -> Option<(&str, &str)> {
    let begin = base.find("://")? + 3;
    let end = base[begin..].find('/').map_or(base.len(), |end| begin + end);
    let at = begin + base[begin..end].rfind('@')?;
    Some((&base[..begin], &base[at + 1..]))
}

/// The name of a variable of the shell that a secret is to be put into.
fn variable(name: &str) -> String {
    let upper =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    let name: String = upper.collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// What stands in double quotes, as it is.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if "\\\"$`".contains(c) {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Given {
        #[command(flatten)]
        connection: Connection,
    }

    #[track_caller] // a failure points at the row, not at this function
    fn line(args: &[&str]) -> CommandLine {
        let given = Given::try_parse_from([&["sockeye"], args].concat()).unwrap();
        CommandLine::of(&given.connection, Some("tick-tock"))
    }

    #[test]
    fn what_was_given_is_kept_and_secrets_are_not_written() {
        #[track_caller]
        fn check(args: &[&str], expect: &str) {
            assert_eq!(line(args).doctor(), format!("sockeye doctor {expect}"));
        }
        check(&["http://h/imchat"], "http://h/imchat");
        check(&["http://h/a b?x=1&y=$z"], "'http://h/a b?x=1&y=$z'");
        check(&["http://h?token=hush&y=`z`"], r#""http://h?token=${TOKEN}&y=\`z\`""#);
        check(&["http://me:hush@h/a"], r#""http://${USER_AND_PASSWORD}@h/a""#);
        check(
            &["http://h?%70ass=hush#ticket=hush"],
            r#""http://h?%70ass=${_70ASS}#ticket=${TICKET}""#,
        );
        check(&["http://h", "--nsp", "/eyJh.eyJhush.c"], r#"http://h --nsp "/${SECRET}""#);
        check(
            &["http://h", "-H", "referer: http://a/?otp=hush", "-H", "csrf: hush", "-H", "X: hush"],
            r#"http://h -H "referer: $REFERER" -H "csrf: $CSRF" -H "x: $X""#,
        );
        check(
            &["http://h?ticket=hush&sig=hush", "--query", "passphrase=hush"],
            r#""http://h?ticket=${TICKET}&sig=${SIG}" --query "passphrase=$PASSPHRASE""#,
        );
        check(&["http://h/a?EIO=4&transport=polling&sid=hush&t=P3kF8"], "http://h/a");
        check(
            &["http://h?room=1&%45IO=3&token=hush#x", "--query", "sid=hush", "--query", "t=1"],
            r#""http://h?room=1&token=${TOKEN}#x" --query t=1"#,
        );
        check(&["http://h?t=1&room=2"], "'http://h?t=1&room=2'");
        check(
            &[
                "http://h?x=1;token=hush&next=http%3A%2F%2Fa%2F%3Fpw%3Dhush&u=eyJh.eyJhush.c#eyJh.eyJhush.c",
            ],
            r#""http://h?x=1;token=${TOKEN}&next=${NEXT}&u=${U}#${SECRET}""#,
        );
        check(&["http://h/eyJh.eyJhush.c"], r#""http://h/${SECRET}""#);
        check(&["http://h", "--query", "u=eyJh.eyJhush.c"], r#"http://h --query "u=$U""#);
        check(
            &["http://h", "--bearer-cmd", "mint --key=hush"],
            r#"http://h --bearer-cmd "$BEARER_CMD""#,
        );
        check(&["http://h?max_tokens=5;sort_key=name"], "'http://h?max_tokens=5;sort_key=name'");
        check(&["http://h", "--eio", "4", "--path", "/x/"], "http://h --path /x/ --eio 4");
        check(
            &["http://h", "-H", "origin: https://a", "-H", "X-Api: hush"],
            r#"http://h -H 'origin: https://a' -H "x-api: $X_API""#,
        );
        check(
            &["http://h", "--query", "a=it's", "--query", "jwt=hush"],
            r#"http://h --query 'a=it'\''s' --query "jwt=$JWT""#,
        );
        check(&["http://h", "--auth", r#"{"token":"hush"}"#], "http://h --auth @auth.json");
        check(&["http://h", "--auth", "@my.json"], "http://h --auth @my.json");
        check(&["http://h", "--bearer-cmd", "cat t"], "http://h --bearer-cmd 'cat t'");
        check(
            &["http://h", "--bearer-cmd", "echo tick-tock"],
            r#"http://h --bearer-cmd "$BEARER_CMD""#,
        );
        check(
            &["https://h", "-k", "--cert", "c.pem", "-x", "http://me:hush@p"],
            r#"https://h -k --cert c.pem -x "$PROXY""#,
        );
    }

    #[test]
    fn it_can_be_corrected() {
        let given = line(&["http://h/imchat?a=1", "--eio", "4"]);
        assert_eq!(
            given.clone().with("--eio", "3").listen(),
            "sockeye listen 'http://h/imchat?a=1' --eio 3 --for 10s"
        );
        assert_eq!(
            given.clone().without("--eio").to("https://other/imchat").doctor(),
            "sockeye doctor 'https://other/imchat?a=1'"
        );
        let elsewhere = line(&["http://h", "--path", "/a", "--no-trailing-slash"]);
        assert_eq!(elsewhere.clone().at("/socket.io/").doctor(), "sockeye doctor http://h");
        assert_eq!(elsewhere.clone().at("/b/").doctor(), "sockeye doctor http://h --path /b/");
        let bare = elsewhere.at("/b").doctor();
        assert_eq!(bare, "sockeye doctor http://h --path /b --no-trailing-slash");
        for url in ["http://h/a?b=1", "http://h/a?token=hush", "http://h/a", "http://h/a?b"] {
            let bare = line(&[url, "--query", "c=2"]).without_query();
            assert_eq!(bare.to("http://h/a").doctor(), "sockeye doctor http://h/a", "{url}");
        }
        let secret = line(&["http://h/imchat?token=hush"]).to("https://o/x");
        assert_eq!(secret.doctor(), r#"sockeye doctor "https://o/x?token=${TOKEN}""#);
    }
}
