//! The program in JavaScript for Node.js, with socket.io-client.

use std::{collections::BTreeSet, path::Path};

use super::{Argument, Program, Source, literal::javascript};
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
    if program.proxy.is_some() {
        return Err(Failure::usage(
            "-x has no equivalent in socket.io-client; leave it out, and give it an agent",
        ));
    }
    if !program.road.pin.is_empty() {
        return Err(Failure::usage(
            "--pin has no equivalent in socket.io-client; leave it out, or give --cacert",
        ));
    }
    let mut script = Script { program, imports: BTreeSet::new() };
    Ok(script.write())
}

struct Script<'p> {
    program: &'p Program<'p>,
    imports: BTreeSet<&'static str>,
}

const READ: &str = "import { readFileSync } from \"node:fs\";\n";
const RUN: &str = "import { execSync } from \"node:child_process\";\n";
const PARSER: &str = "import parser from \"socket.io-msgpack-parser\";\n";

impl Script<'_> {
    fn write(&mut self) -> String {
        let program = self.program;
        let options = self.options();
        let work = self.work();
        let (version, io) = if program.is_v3() { ("2", "io") } else { ("4", "{ io }") };
        let parser =
            if program.parser == Encoding::MsgPack { " socket.io-msgpack-parser" } else { "" };
        let awaited = program.awaited.map_or_else(String::new, |name| {
            format!("const came = new Promise((resolve) => socket.once({}, (...args) => resolve(args)));\n", javascript(name))
        });
        format!(
            "// npm install socket.io-client@{version}{parser}\n{comments}{imports}import {io} from \"socket.io-client\";\n\n\
             const socket = io({url}, {{\n  {options},\n}});\n{awaited}\
             const within = (what, promise) =>\n  Promise.race([\n    promise,\n    new Promise((_, reject) => \
             setTimeout(() => reject(new Error(`${{what}}: not in time`)), {ms}).unref()),\n  ]);\n\n\
             try {{\n  {work}\n}} finally {{\n  socket.close();\n}}",
            comments = program.comments("//"),
            imports = self.imports.iter().copied().collect::<String>(),
            url = javascript(&program.url),
            ms = program.timeout.as_millis(),
        )
    }

    fn options(&mut self) -> String {
        let program = self.program;
        let mut options = vec![format!("path: {}", javascript(program.path))];
        if !program.has_trailing_slash {
            options.push("addTrailingSlash: false".to_owned());
        }
        match program.transport {
            Transports::Auto => {}
            Transports::Polling => {
                options.push("transports: [\"polling\"],\n  upgrade: false".to_owned())
            }
            Transports::WebSocket => options.push("transports: [\"websocket\"]".to_owned()),
        }
        let mut headers: Vec<_> = program
            .headers
            .iter()
            .map(|(name, value)| format!("{}: {}", javascript(name), self.text(value)))
            .collect();
        if let Some(command) = &program.bearer {
            self.imports.insert(RUN);
            headers.push(format!(
                "authorization: \"Bearer \" + execSync({}, {{ encoding: \"utf8\" }}).trim()",
                self.text(command)
            ));
        }
        if !headers.is_empty() {
            options.push(format!("extraHeaders: {{ {} }}", headers.join(", ")));
        }
        if let Some(auth) = &program.auth {
            options.push(format!("auth: JSON.parse({})", self.text(auth)));
        }
        if program.parser == Encoding::MsgPack {
            self.imports.insert(PARSER);
            options.push("parser".to_owned());
        }
        let Road { insecure, cacert, cert, key, .. } = program.road;
        if *insecure {
            options.push("rejectUnauthorized: false".to_owned());
        }
        if !cacert.is_empty() {
            let files: Vec<_> = cacert.iter().map(|file| self.bytes(file)).collect();
            options.push(format!("ca: [{}]", files.join(", ")));
        }
        if let Some(cert) = cert {
            let (cert, key) = (self.bytes(cert), self.bytes(key.as_ref().unwrap_or(cert)));
            options.push(format!("cert: {cert}"));
            options.push(format!("key: {key}"));
        }
        options.push("reconnection: false".to_owned());
        options.push(format!("timeout: {}", program.timeout.as_millis()));
        options.join(",\n  ")
    }

    fn work(&mut self) -> String {
        let program = self.program;
        let mut args = vec![javascript(program.event)];
        args.extend(program.args.iter().map(|arg| match arg {
            Argument::Here(text) => text.clone(),
            Argument::JsonFile(file) => {
                self.imports.insert(READ);
                format!("JSON.parse(readFileSync({}, \"utf8\"))", javascript(file))
            }
            Argument::BytesFile(file) => {
                self.imports.insert(READ);
                format!("readFileSync({})", javascript(file))
            }
            Argument::Variable(name) => format!("JSON.parse(process.env[{}])", javascript(name)),
        }));
        let args = args.join(", ");
        let mut lines = vec![
            "await within(\"connecting\", new Promise((resolve, reject) => {\n    socket.once(\"connect\", resolve);\n    \
             socket.once(\"connect_error\", reject);\n    socket.once(\"error\", reject);\n  }));"
                .to_owned(),
        ];
        if program.wants_ack {
            lines.push(format!(
                "const answer = new Promise((resolve) => socket.emit({args}, (...answer) => resolve(answer)));"
            ));
            lines
                .push("console.log(JSON.stringify(await within(\"the ack\", answer)));".to_owned());
        } else {
            lines.push(format!("socket.emit({args});"));
        }
        if program.awaited.is_some() {
            lines
                .push("console.log(JSON.stringify(await within(\"the event\", came)));".to_owned());
        }
        lines.join("\n  ")
    }

    fn text(&mut self, source: &Source) -> String {
        match source {
            Source::Here(text) => javascript(text),
            Source::Variable(name) => format!("process.env[{}]", javascript(name)),
            Source::File(file) => {
                self.imports.insert(READ);
                format!("readFileSync({}, \"utf8\")", javascript(file))
            }
        }
    }

    fn bytes(&mut self, file: &Path) -> String {
        self.imports.insert(READ);
        format!("readFileSync({})", javascript(&file.to_string_lossy()))
    }
}
