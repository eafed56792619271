//! The program in Rust, with this library.

use std::path::Path;

use super::{Argument, MAX_TUPLE, Program, Source, literal::rust};
use crate::reach::{Encoding, Road, Transports};

/// Writes it.
pub(super) fn write(program: &Program<'_>) -> String {
    let ms = program.timeout.as_millis();
    let events = if program.awaited.is_some() { "\n        .events(1_024)" } else { "" };
    let options: String =
        options(program).iter().map(|option| format!("\n        {option}")).collect();
    let args: Vec<_> = program.args.iter().map(|arg| argument(arg, is_list(program))).collect();
    let args = args.join(", ");
    let mut lines = vec![match program.args.len() {
        1 => format!("let args = ({args},);"),
        0..=MAX_TUPLE => format!("let args = ({args});"),
        _ => format!("let args = RawArgs::from_list(&[{args}])?;"),
    }];
    let event = rust(program.event);
    if program.wants_ack {
        lines.push(format!(
            "let answer: RawArgs = client.call({event}, args).timeout(timeout).await?;"
        ));
        lines.push("println!(\"[{}]\", answer.text());".to_owned());
    } else {
        lines.push(format!("client.emit({event}, args)?.written().await?;"));
    }
    if let Some(name) = program.awaited {
        lines.push(format!(
            "let came = tokio::time::timeout(timeout, client.next({})).await??;",
            rust(name)
        ));
        lines.push("println!(\"[{}]\", came.args.text());".to_owned());
    }
    let lines = lines.join("\n    ");
    let uses = uses(program, &options, &lines);
    format!(
        "// cargo add sockeye --git {repository}\n\
         // cargo add serde_json{features}; cargo add tokio --features macros,rt,time\n{comments}{uses}\n\
         #[tokio::main(flavor = \"current_thread\")]\n\
         async fn main() -> Result<(), Box<dyn std::error::Error>> {{\n    \
         let timeout = Duration::from_millis({ms});\n    \
         let client = Client::builder({url})\n        .path({path})\n        .no_reconnect()\n        \
         .connect_timeout(timeout){events}{options}\n        .connect()\n        .await?;\n    {lines}\n    \
         client.close().await;\n    Ok(())\n}}",
        repository = env!("CARGO_PKG_REPOSITORY"),
        features = if lines.contains("RawValue") { " --features raw_value" } else { "" },
        comments = program.comments("//"),
        url = rust(&program.url),
        path = rust(program.path),
    )
}

/// Only what is used.
fn uses(program: &Program<'_>, options: &str, lines: &str) -> String {
    let mut text = "use std::time::Duration;\n\n".to_owned();
    let json: Vec<&str> = [("json", "json!("), ("value::RawValue", "RawValue")]
        .into_iter()
        .filter_map(|(name, used)| lines.contains(used).then_some(name))
        .collect();
    if !json.is_empty() {
        text += &format!("use serde_json::{};\n", tree(&json));
    }
    let client: Vec<&str> = ["Client", "Parser", "Proxy", "Tls", "Transport", "Version"]
        .into_iter()
        .filter(|name| *name == "Client" || options.contains(&format!("{name}::")))
        .collect();
    text += &format!("use sockeye::client::{};\n", tree(&client));
    let event: Vec<&str> = [
        ("RawArgs", is_list(program) || program.wants_ack),
        ("Value", lines.replace("RawValue::", "").contains("Value::")),
    ]
    .into_iter()
    .filter_map(|(name, is_used)| is_used.then_some(name))
    .collect();
    if !event.is_empty() {
        text += &format!("use sockeye::event::{};\n", tree(&event));
    }
    text
}

fn tree(names: &[&str]) -> String {
    match names {
        [name] => (*name).to_owned(),
        names => format!("{{{}}}", names.join(", ")),
    }
}

fn options(program: &Program<'_>) -> Vec<String> {
    let mut options = Vec::new();
    if !program.has_trailing_slash {
        options.push(".trailing_slash(false)".to_owned());
    }
    match program.transport {
        Transports::Auto => {}
        Transports::Polling => {
            options.push(".transports([Transport::Polling]).upgrade(false)".to_owned())
        }
        Transports::WebSocket => options.push(".websocket_only()".to_owned()),
    }
    match program.eio {
        crate::reach::Eio::Auto => {}
        crate::reach::Eio::V3 => options.push(".version(Version::V3)".to_owned()),
        crate::reach::Eio::V4 => options.push(".version(Version::V4)".to_owned()),
    }
    if program.parser == Encoding::MsgPack {
        options.push(".parser(Parser::MsgPack)".to_owned());
    }
    for (name, value) in &program.headers {
        options.push(format!(".header({}.parse()?, {}.parse()?)", rust(name), text(value)));
    }
    if let Some(command) = &program.bearer {
        options.push(format!(
            ".header(\"authorization\".parse()?, {{\n            let output = std::process::Command::new(\"sh\").args([\"-c\", &{}]).output()?;\n            \
             format!(\"Bearer {{}}\", String::from_utf8(output.stdout)?.trim()).parse()?\n        }})",
            text(command)
        ));
    }
    if let Some(auth) = &program.auth {
        options.push(format!(".auth(serde_json::from_str::<serde_json::Value>(&{})?)", text(auth)));
    }
    options.extend(tls(program.road));
    match &program.proxy {
        None => {}
        Some(Source::Here(none)) if none.is_empty() || none == "none" => {
            options.push(".proxy(Proxy::none())".to_owned());
        }
        Some(Source::Here(url)) => options.push(format!(".proxy(Proxy::new({})?)", rust(url))),
        Some(url) => options.push(format!(".proxy(Proxy::new(&{})?)", text(url))),
    }
    options
}

fn tls(road: &Road) -> Option<String> {
    let Road { insecure, cacert, cert, key, pin, .. } = road;
    let mut calls = String::new();
    if *insecure {
        calls += ".danger_accept_invalid_certs(true)";
    }
    for file in cacert {
        calls += &format!(".add_pem({}).believe_platform(false)", read(file));
    }
    for pin in pin {
        calls += &format!(".pin({})", rust(pin));
    }
    if let Some(cert) = cert {
        calls += &format!(".identity_pem({}, {})", read(cert), read(key.as_ref().unwrap_or(cert)));
    }
    (!calls.is_empty()).then(|| format!(".tls(Tls::builder(){calls}.build()?)"))
}

/// Whether the arguments are of one type, since they are too many for a tuple.
const fn is_list(program: &Program<'_>) -> bool {
    program.args.len() > MAX_TUPLE
}

fn argument(argument: &Argument, is_in_list: bool) -> String {
    let json = |read: String| match is_in_list {
        true => format!("Value::from(serde_json::from_slice::<serde_json::Value>(&{read})?)"),
        false => format!("serde_json::from_slice::<Box<RawValue>>(&{read})?"),
    };
    match argument {
        Argument::Here(text) => text.clone(),
        Argument::JsonFile(file) => json(format!("std::fs::read({})?", rust(file))),
        Argument::Variable(name) => json(format!("std::env::var({})?.into_bytes()", rust(name))),
        Argument::BytesFile(file) => format!("Value::Bytes(std::fs::read({})?.into())", rust(file)),
    }
}

fn text(source: &Source) -> String {
    match source {
        Source::Here(text) => rust(text),
        Source::Variable(name) => format!("std::env::var({})?", rust(name)),
        Source::File(file) => format!("std::fs::read_to_string({})?", rust(file)),
    }
}

fn read(file: &Path) -> String {
    format!("std::fs::read({})?", rust(&file.to_string_lossy()))
}
