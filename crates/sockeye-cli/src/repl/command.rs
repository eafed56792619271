//! The commands of the prompt: one table for reading, completing and explaining them.

use super::{mistake::Mistake, words::Word};

/// What a command wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Command {
    Join(String),
    /// Without a name: the one that is spoken to.
    Leave(Option<String>),
    Speak(String),
    /// JSON, or a file after an `@`.
    Auth(String),
    Answer(u64, Vec<String>),
    /// As so many `-v`.
    Trace(u8),
    Reconnect,
    State,
    Help,
    Quit,
}

/// How each is written, and what it does; what comes first is its name.
pub(super) const COMMANDS: [(&str, &str); 10] = [
    ("/join NAMESPACE", "join one more namespace, on the same connection"),
    ("/leave [NAMESPACE]", "leave it; without a name the one that you speak to"),
    ("/nsp NAMESPACE", "speak to this one of the joined namespaces from now on"),
    (
        "/auth JSON|@FILE",
        "come with this auth payload from the next join on; /reconnect joins again now",
    ),
    ("/answer ID [ARG…]", "answer the event that came with \"(ack ID)\""),
    ("/trace on|off|1|2|3", "show what passes, as -v, -vv and -vvv do; on is 2"),
    ("/reconnect", "end the connection and make another"),
    ("/state", "show where the connection stands"),
    ("/help", "show this"),
    ("/quit", "leave; so do Ctrl-D, and Ctrl-C twice"),
];

/// The names of all commands.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|(usage, _)| name(usage))
}

/// Reads a command; `line` is the whole line, for what is taken as it stands.
///
/// # Errors
///
/// [`Mistake`].
pub(super) fn read(found: &str, args: &[Word], line: &str) -> Result<Command, Mistake> {
    let usage = COMMANDS.iter().map(|(usage, _)| *usage).find(|usage| name(usage) == found);
    let usage = usage.ok_or_else(|| Mistake::Command { found: found.to_owned() })?;
    let wrong = || Mistake::Usage { usage };
    let text = |word: &Word| word.text.clone();
    Ok(match (found, args) {
        ("/join", [namespace]) => Command::Join(path(&namespace.text)),
        ("/leave", []) => Command::Leave(None),
        ("/leave", [namespace]) => Command::Leave(Some(path(&namespace.text))),
        ("/nsp", [namespace]) => Command::Speak(path(&namespace.text)),
        ("/auth", [payload]) => Command::Auth(text(payload)),
        // A file's name may have spaces.
        ("/auth", [file, ..]) if file.text.starts_with('@') => {
            Command::Auth(line[file.begin..].trim().to_owned())
        }
        ("/answer", [id, args @ ..]) => {
            let id = id.text.parse().map_err(|_| wrong())?;
            Command::Answer(id, args.iter().map(text).collect())
        }
        ("/trace", [level]) => Command::Trace(match &*level.text {
            "off" | "0" => 0,
            "1" => 1,
            "on" | "2" => 2,
            "3" => 3,
            _ => return Err(wrong()),
        }),
        ("/reconnect", []) => Command::Reconnect,
        ("/state", []) => Command::State,
        ("/help", []) => Command::Help,
        ("/quit", []) => Command::Quit,
        _ => return Err(wrong()),
    })
}

/// What `/help` shows.
pub(super) fn help() -> String {
    let width = COMMANDS.iter().map(|(usage, _)| usage.chars().count()).max().unwrap_or(0);
    let events = [
        ("EVENT [ARG…]", "send an event; each argument is JSON, else a text, or @FILE, @bin:FILE"),
        ("EVENT? [ARG…]", "send it and show its ack"),
    ];
    let row = |(usage, about): &(&str, &str)| {
        let space = " ".repeat(width - usage.chars().count());
        format!("  {usage}{space}  {about}")
    };
    let rows: Vec<_> = events.iter().chain(&COMMANDS).map(row).collect();
    let quotes = "A name or an argument with spaces stands in quotes; JSON goes on until its brackets are closed.";
    format!("{}\n{quotes}", rows.join("\n"))
}

fn name(usage: &str) -> &str {
    usage.split(' ').next().unwrap_or(usage)
}

/// A namespace's name, with or without its slash.
fn path(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("/{name}") }
}
