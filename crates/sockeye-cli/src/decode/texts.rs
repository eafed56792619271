//! Packets and bodies of polling, one a line: `42["a"]`, `4a␞4b`, `2:40`, `bAQID`.

use std::io::{self, BufRead, Read as _};

use sockeye::client::Direction;
use sockeye_proto::wire::{
    engine::{self, Version},
    polling::{Format, Item, Packets as Body},
};

use super::{
    Known, MAX_LINE_BYTES, found,
    show::{Place, Show},
};
use crate::{
    failure::Failure,
    secrets::Secrets,
    trace::{Packets, version_of_base64},
    values::without_mark,
};

/// Reads texts whose direction nobody knows.
#[derive(Debug)]
pub(super) struct Texts {
    packets: Packets,
}

impl Texts {
    pub(super) fn new(known: Known) -> Self {
        Self { packets: Packets::new(known.parser, Secrets::of_process()) }
    }

    /// Reads lines to the end. Empty ones are passed over.
    pub(super) fn read(
        mut self,
        input: &mut dyn BufRead,
        show: &mut Show<'_>,
    ) -> Result<(), Failure> {
        let mut number = 0;
        let mut line = Vec::new();
        loop {
            number += 1;
            line.clear();
            let place = Place::Line(number);
            match next_line(input, &mut line) {
                Ok(Next::Line) => {}
                Ok(Next::TooLong) => {
                    let limit = MAX_LINE_BYTES / (1024 * 1024);
                    show.trouble(&place, format!("more than {limit} MiB on one line"));
                    continue;
                }
                Ok(Next::End) => return Ok(()),
                Err(source) => return Err(found(format!("line {number}"), source.to_string())),
            }
            let text = without_mark(&line).trim_ascii();
            if !text.is_empty() {
                read_body(&mut self.packets, None, text, &place, show)?;
            }
        }
    }

    /// Reads one body.
    pub(super) fn body(mut self, bytes: &[u8], show: &mut Show<'_>) -> Result<(), Failure> {
        read_body(&mut self.packets, None, bytes, &Place::Byte(0), show)
    }
}

/// What was read of a line.
enum Next {
    Line,
    /// It is read over.
    TooLong,
    End,
}

fn next_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Next> {
    let mut limited = input.take(MAX_LINE_BYTES as u64);
    if limited.read_until(b'\n', line)? == 0 {
        return Ok(Next::End);
    }
    if line.len() < MAX_LINE_BYTES || line.ends_with(b"\n") {
        return Ok(Next::Line);
    }
    input.skip_until(b'\n')?;
    Ok(Next::TooLong)
}

/// The packets of a body of polling, or a single packet, which is the shortest body.
pub(super) fn read_body(
    packets: &mut Packets,
    direction: Option<Direction>,
    body: &[u8],
    place: &Place,
    show: &mut Show<'_>,
) -> Result<(), Failure> {
    if version_of_base64(body) == Version::V3
        && let Ok(Some(data)) = engine::decode_base64(Version::V3, body)
    {
        return show.told(place, Ok(packets.binary(direction, &data)));
    }
    let mut body = packets_of(body);
    loop {
        match body.next() {
            Ok(Some(Item::Text(text))) => show.told(place, packets.text(None, direction, text))?,
            Ok(Some(Item::Binary(data))) => {
                show.told(place, Ok(packets.binary(direction, &data)))?;
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                show.trouble(place, error.to_string());
                return Ok(());
            }
        }
    }
}

/// The packets of a body. How it begins tells the format, as no packet of version 4 begins with a length.
pub(super) fn packets_of(body: &[u8]) -> Body<'_> {
    let format = Format::of_opening(body).map_or(Format::V4, |(_, format)| format);
    Body::new(format, body)
}
