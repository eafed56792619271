//! The program in Python, with python-socketio's blocking client.

use std::collections::BTreeSet;

use super::{Argument, Program, Source, literal::python};
use crate::{
    failure::Failure,
    reach::{Encoding, Road, Transports},
};

/// Writes it.
///
/// # Errors
///
/// [`Failure`]: an option has no equivalent.
pub(super) fn write(program: &Program<'_>) -> Result<String, Failure> {
    let mut python = Python { program, imports: BTreeSet::from(["json"]) };
    python.write()
}

struct Python<'p> {
    program: &'p Program<'p>,
    imports: BTreeSet<&'static str>,
}

impl Python<'_> {
    fn write(&mut self) -> Result<String, Failure> {
        let program = self.program;
        let session = self.session()?;
        let client = self.client(!session.is_empty());
        let awaited = program.awaited.map(|name| {
            self.imports.insert("queue");
            let (name, namespace) = (python(name), python(&program.namespace));
            format!("came = queue.Queue()\nclient.on({name}, lambda *args: came.put(args), namespace={namespace})\n")
        });
        let connect = self.connect();
        let work = self.work();
        let version = if program.is_v3() { "<5" } else { ">=5" };
        let msgpack = if program.parser == Encoding::MsgPack { " msgpack" } else { "" };
        let comments = program.comments("#");
        let imports: String = self.imports.iter().map(|name| format!("import {name}\n")).collect();
        let requests = if session.is_empty() { "" } else { "import requests\n" };
        let awaited = awaited.unwrap_or_default();
        Ok(format!(
            "# pip install \"python-socketio[client]{version}\"{msgpack}\n{comments}{imports}\n{requests}import socketio\n\n{session}{client}{awaited}{connect}{work}"
        ))
    }

    /// What the session of HTTP has to know.
    fn session(&mut self) -> Result<String, Failure> {
        let Road { insecure, cacert, cert, key, pin, .. } = self.program.road;
        if !pin.is_empty() {
            return Err(Failure::usage(
                "--pin has no equivalent in Python; leave it out, or give --cacert",
            ));
        }
        let mut lines = Vec::new();
        match &cacert[..] {
            [] => {}
            [file] => lines.push(format!("http.verify = {}", python(&file.to_string_lossy()))),
            _ => {
                return Err(Failure::usage(
                    "in Python there is one file of authorities; put them all in it, and give --cacert once",
                ));
            }
        }
        if let Some(cert) = cert {
            let cert = python(&cert.to_string_lossy());
            lines.push(match key {
                Some(key) => format!("http.cert = ({cert}, {})", python(&key.to_string_lossy())),
                None => format!("http.cert = {cert}"),
            });
        }
        if *insecure {
            lines.push("http.verify = False".to_owned());
        }
        match &self.program.proxy {
            None => {}
            Some(Source::Here(none)) if none.is_empty() || none == "none" => {
                lines.push("http.trust_env = False".to_owned());
            }
            Some(proxy) => {
                let proxy = self.text(proxy);
                lines.push(format!("http.proxies = {{\"http\": {proxy}, \"https\": {proxy}}}"));
            }
        }
        if lines.is_empty() {
            return Ok(String::new());
        }
        Ok(format!("http = requests.Session()\n{}\n", lines.join("\n")))
    }

    fn client(&self, has_session: bool) -> String {
        let mut options =
            vec!["reconnection=False".to_owned(), format!("request_timeout={}", self.timeout())];
        if has_session {
            options.push("http_session=http".to_owned());
        }
        if self.program.road.insecure {
            options.push("ssl_verify=False".to_owned());
        }
        if self.program.parser == Encoding::MsgPack {
            options.push("serializer=\"msgpack\"".to_owned());
        }
        format!("client = socketio.Client({})\n", options.join(", "))
    }

    fn connect(&mut self) -> String {
        let program = self.program;
        let mut options =
            vec![python(&program.url), format!("namespaces=[{}]", python(&program.namespace))];
        options.push(format!("socketio_path={}", python(program.path)));
        match program.transport {
            Transports::Auto => {}
            name => options.push(format!("transports=[\"{name}\"]")),
        }
        let mut headers: Vec<_> = program
            .headers
            .iter()
            .map(|(name, value)| format!("{}: {}", python(name), self.text(value)))
            .collect();
        if let Some(command) = &program.bearer {
            self.imports.insert("subprocess");
            headers.push(format!(
                "\"Authorization\": \"Bearer \" + subprocess.run({}, shell=True, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()",
                self.text(command)
            ));
        }
        if !headers.is_empty() {
            options.push(format!("headers={{{}}}", headers.join(", ")));
        }
        if let Some(auth) = &program.auth {
            options.push(format!("auth=json.loads({})", self.text(auth)));
        }
        if program.is_v3() {
            // Version 4 of the library goes on before the namespace is joined.
            self.imports.insert("threading");
            let namespace = python(&program.namespace);
            return format!(
                "joined = threading.Event()\nclient.on(\"connect\", joined.set, namespace={namespace})\nclient.connect(\n    {},\n)\nif not joined.wait({}):\n    raise SystemExit(\"not joined in time\")\n",
                options.join(",\n    "),
                self.timeout()
            );
        }
        options.push(format!("wait_timeout={}", self.timeout()));
        format!("client.connect(\n    {},\n)\n", options.join(",\n    "))
    }

    fn work(&mut self) -> String {
        let program = self.program;
        let args: Vec<_> = program.args.iter().map(|arg| self.argument(arg)).collect();
        let comma = if args.len() == 1 { "," } else { "" };
        let what = format!(
            "{}, ({}{comma}), namespace={}",
            python(program.event),
            args.join(", "),
            python(&program.namespace)
        );
        let timeout = self.timeout();
        let mut lines = Vec::new();
        if program.wants_ack {
            lines.push(format!("answer = client.call({what}, timeout={timeout})"));
            lines.push("print(json.dumps(answer, default=list))".to_owned());
        } else {
            lines.push(format!("client.emit({what})"));
            lines.push("client.eio.queue.join()  # it is written".to_owned());
        }
        if program.awaited.is_some() {
            lines.push(format!("print(json.dumps(came.get(timeout={timeout}), default=list))"));
        }
        format!("try:\n    {}\nfinally:\n    client.disconnect()", lines.join("\n    "))
    }

    fn argument(&mut self, argument: &Argument) -> String {
        match argument {
            Argument::Here(text) => text.clone(),
            Argument::JsonFile(file) => {
                format!("json.loads({})", self.file(file, "read_text(encoding=\"utf-8\")"))
            }
            Argument::BytesFile(file) => self.file(file, "read_bytes()"),
            Argument::Variable(name) => {
                self.imports.insert("os");
                format!("json.loads(os.environ[{}])", python(name))
            }
        }
    }

    fn text(&mut self, source: &Source) -> String {
        match source {
            Source::Here(text) => python(text),
            Source::Variable(name) => {
                self.imports.insert("os");
                format!("os.environ[{}]", python(name))
            }
            Source::File(file) => self.file(file, "read_text(encoding=\"utf-8\")"),
        }
    }

    fn file(&mut self, name: &str, read: &str) -> String {
        self.imports.insert("pathlib");
        format!("pathlib.Path({}).{read}", python(name))
    }

    fn timeout(&self) -> f64 {
        self.program.timeout.as_secs_f64()
    }
}
