//! `sockeye decode`: packets that somebody else has recorded, layer by layer.

mod frames;
mod har;
mod hex;
mod show;
mod texts;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::PathBuf,
};

use clap::Args;
use sockeye::client::{Parser, Version};
use sockeye_proto::wire::{engine, polling::Format};
use thiserror::Error;

use self::{frames::Frames, show::Show, texts::Texts};
use crate::{
    exit::Exit,
    failure::{Ends, Failure},
    output::{Output, Reader},
    reach::{Eio, Encoding},
    secrets::Secrets,
    values::{Unreadable, without_mark},
};

/// Show what packets say that were recorded elsewhere: by a proxy, a log, a browser
///
/// Reads packets of Engine.IO and bodies of polling, one a line; frames of WebSocket, perhaps behind heads of HTTP, in
/// binary or in hex; or a HAR file as browsers export it. Which of these it is, is seen by how it begins. Secrets are
/// hidden.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What to read; without it, or as -, standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// It is frames in hex; spaces, colons, commas, 0x and \x may stand between the bytes
    #[arg(long)]
    hex: bool,
    /// Parser of the connection: json or msgpack
    #[arg(long, value_name = "NAME", default_value_t = Encoding::Json)]
    parser: Encoding,
    /// Version of Engine.IO: auto, 3 or 4. It matters for binary data on WebSocket; auto goes by the URL, and takes 4
    /// without one
    #[arg(long, value_name = "VERSION", default_value_t = Eio::Auto)]
    eio: Eio,
    /// Print JSON, one object a line, even to a terminal
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Do not hide tokens, cookies, auth payloads and ids of sessions
    #[arg(long, help_heading = "Output")]
    show_secrets: bool,
}

/// What is known of a connection from the outside.
#[derive(Clone, Copy, Debug)]
struct Known {
    parser: Parser,
    /// `None` is to be found out.
    version: Option<Version>,
}

/// So much of anything that has to be there as a whole is read: a line, a HAR file, a recording of frames.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Shows all that can be read; what can't is told, and makes the exit code 2.
///
/// # Errors
///
/// [`Failure`]: there is nothing to read, or standard output can't be written.
pub(crate) fn run(options: &Options, output: &Output) -> Result<Exit, Failure> {
    if options.show_secrets {
        Secrets::of_process().show();
    }
    let known = Known { parser: options.parser.parser(), version: options.eio.version() };
    let mut show = Show::new(output, Reader::new(options.json));
    let mut input = open(options.file.as_ref())?;
    let beginning = input.fill_buf().map_err(|source| unreadable(options, source))?;
    let text = without_mark(beginning);
    let form = if options.hex { Form::Hex } else { Form::of(text) };
    let mark = beginning.len() - text.len();
    input.consume(mark);
    let read = match form {
        Form::Texts => Texts::new(known).read(&mut *input, &mut show),
        Form::Hex => hex::read(Frames::new(known), &mut *input, &mut show),
        Form::Frames | Form::Har | Form::Body => {
            let mut bytes = Vec::new();
            let limited = input.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes);
            limited.map_err(|source| unreadable(options, source))?;
            if bytes.len() as u64 > MAX_FILE_BYTES {
                return Err(Failure::usage("more than 256 MiB; cut the recording into parts"));
            }
            match form {
                Form::Frames => frames::read(Frames::new(known), &bytes, &mut show),
                Form::Body => Texts::new(known).body(&bytes, &mut show),
                _ => har::read(known, &bytes, &mut show),
            }
        }
    };
    match read? {
        () if show.is_troubled() => Ok(Exit::Usage),
        () => Ok(Exit::Done),
    }
}

fn open(file: Option<&PathBuf>) -> Result<Box<dyn BufRead>, Failure> {
    match file {
        Some(path) if path.as_os_str() != "-" => match File::open(path) {
            Ok(file) => Ok(Box::new(BufReader::new(file))),
            Err(source) => Err(Unopened { path: path.clone(), source }.into()),
        },
        _ => Ok(Box::new(BufReader::new(io::stdin()))),
    }
}

fn unreadable(options: &Options, source: io::Error) -> Failure {
    let path = options.file.clone().unwrap_or_else(|| "standard input".into());
    Unopened { path, source }.into()
}

/// A recording that can't be read at all.
#[derive(Debug, Error)]
#[error("{}: {source}; name a file that can be read", path.display())]
struct Unopened {
    path: PathBuf,
    source: io::Error,
}

impl Ends for Unopened {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// What was recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// Packets or bodies in text, one a line.
    Texts,
    /// Frames of WebSocket, perhaps behind heads of HTTP.
    Frames,
    /// The same, in hex.
    Hex,
    /// A HAR file.
    Har,
    /// The binary body of polling in version 3.
    Body,
}

impl Form {
    fn of(beginning: &[u8]) -> Self {
        const HEADS: [&[u8]; 3] = [b"HTTP/", b"GET ", b"POST "];
        let text = beginning.trim_ascii_start();
        match beginning.first() {
            _ if text.starts_with(b"{") => Self::Har,
            _ if HEADS.iter().any(|head| beginning.starts_with(head)) => Self::Frames,
            Some(0 | 1) if is_binary_body(beginning) => Self::Body,
            // The first byte of a frame is no letter, digit or space, unless the frame breaks the rules.
            Some(0..=8 | 0x80..) => Self::Frames,
            _ => Self::Texts,
        }
    }
}

/// Whether it begins with a length of one decimal digit a byte, and its end.
fn is_binary_body(bytes: &[u8]) -> bool {
    let digits = bytes.iter().skip(1).take_while(|byte| **byte < 10).count();
    matches!(Format::of_opening(bytes), Some((engine::Version::V3, Format::V3Binary)))
        && bytes.get(1 + digits) == Some(&0xFF)
}

/// Something in the input that can't be read.
fn found(place: String, reason: String) -> Failure {
    Unreadable::Recorded { place, reason }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_seen_by_how_it_begins() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(beginning: &[u8], expect: Form) {
            assert_eq!(Form::of(beginning), expect, "{}", beginning.escape_ascii());
        }
        check(b"", Form::Texts);
        check(b"42[\"a\"]", Form::Texts);
        check(b"95:0{}", Form::Texts);
        check(b"bAQID", Form::Texts);
        check(b" {\"log\":{}}", Form::Har);
        check(b"HTTP/1.1 101", Form::Frames);
        check(b"GET / HTTP/1.1", Form::Frames);
        check(b"\x81\x05hello", Form::Frames);
        check(b"\x01\x03hel", Form::Frames);
        check(b"\x01\x03hel\xff", Form::Frames);
        check(b"\x00\x01\x02\xff0{", Form::Body);
    }
}
