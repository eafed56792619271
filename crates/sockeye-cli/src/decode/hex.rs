//! Frames in hex, as debuggers and packet sniffers copy them.

use std::io::{BufRead, Read as _};

use super::{
    MAX_LINE_BYTES, found,
    frames::Frames,
    show::{Place, Show},
};
use crate::failure::Failure;

/// Reads lines to the end; a frame may go on in the next.
pub(super) fn read(
    mut frames: Frames,
    input: &mut dyn BufRead,
    show: &mut Show<'_>,
) -> Result<(), Failure> {
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        number += 1;
        line.clear();
        let place = Place::Line(number);
        let read = input.take(MAX_LINE_BYTES as u64).read_until(b'\n', &mut line);
        match read.map_err(|source| found(format!("line {number}"), source.to_string()))? {
            0 => return frames.end(&Place::Line(number - 1), show),
            _ => match bytes(&line) {
                Ok(bytes) => frames.push(&bytes, &place, show)?,
                Err(wrong) => {
                    show.trouble(
                        &place,
                        format!("{wrong:?} is no hex; expected bytes such as 81 05"),
                    );
                    frames.forget();
                }
            },
        }
    }
}

/// The bytes that a line stands for.
///
/// # Errors
///
/// The first thing that is none.
fn bytes(line: &[u8]) -> Result<Vec<u8>, String> {
    let text = String::from_utf8_lossy(line);
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for word in text.split(|c: char| c.is_whitespace() || ":,-\\".contains(c)) {
        let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix('x')).unwrap_or(word);
        let wrong = || word.chars().take(20).collect::<String>();
        if digits.len() % 2 != 0 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        for pair in digits.as_bytes().chunks(2) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            bytes.push(u8::from_str_radix(pair, 16).map_err(|_| wrong())?);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_hex() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(line: &str, expect: Result<&[u8], &str>) {
            let expect = expect.map(<[u8]>::to_vec).map_err(str::to_owned);
            assert_eq!(bytes(line.as_bytes()), expect, "{line:?}");
        }
        check("8105 68", Ok(&[0x81, 5, 0x68]));
        check("81:05-Fe,ff\r\n", Ok(&[0x81, 5, 0xFE, 0xFF]));
        check("0x81, 0x05", Ok(&[0x81, 5]));
        check(r"\x81\x05", Ok(&[0x81, 5]));
        check("", Ok(&[]));
        check("8", Err("8"));
        check("81 x5", Err("x5"));
        check("+1", Err("+1"));
        check("éé", Err("éé"));
    }
}
