//! A text that is the same every time but for its number.

use crate::frame;

/// Digits of every number, so that all messages of a load are equally long.
const DIGITS: usize = 7;

/// The first number: with it, all numbers have the same count of digits and no leading zero
/// (an ack id is not allowed one).
const FIRST: u64 = 1_000_000;

/// Any key but zero: npm `ws` skips unmasking for zero, which would flatter it.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// One message of a load: made once, then only its digits change.
#[derive(Debug)]
pub(crate) struct Numbered {
    text: Vec<u8>,
    /// Where the digits stand in `text`, in order.
    places: Vec<usize>,
    /// The masked frame around `text`.
    frame: Vec<u8>,
}

impl Numbered {
    /// The event whose ack [`Self::echo_ack`] is, with one string argument of `bytes`.
    pub(crate) fn echo_event(bytes: usize) -> Self {
        Self::new(&format!("42#######[\"echo\",\"{}\"]", argument(bytes)))
    }

    /// What a server answers to [`Self::echo_event`].
    pub(crate) fn echo_ack(bytes: usize) -> Self {
        Self::new(&format!("43#######[\"{}\"]", argument(bytes)))
    }

    /// The event that goes to the server and, unchanged, to every socket.
    pub(crate) fn broadcast(bytes: usize) -> Self {
        Self::new(&format!("42[\"broadcast\",\"{}\"]", argument(bytes)))
    }

    fn new(pattern: &str) -> Self {
        let places = pattern.match_indices("#######").map(|(at, _)| at).collect();
        let text = pattern.as_bytes().to_vec();
        let mut frame = Vec::with_capacity(text.len() + frame::MAX_HEADER_BYTES);
        frame::push_text_header(text.len(), Some(MASK), &mut frame);
        let payload_at = frame.len();
        frame.extend(&text);
        frame::apply_mask(&mut frame[payload_at..], MASK);
        Self { text, places, frame }
    }

    /// Appends the masked frame of message `number`.
    pub(crate) fn push_frame(&self, number: u64, out: &mut Vec<u8>) {
        let payload_at = out.len() + self.frame.len() - self.text.len();
        out.extend(&self.frame);
        self.put_digits(number, MASK, &mut out[payload_at..]);
    }

    /// Appends the text of message `number`.
    pub(crate) fn push_text(&self, number: u64, out: &mut Vec<u8>) {
        let text_at = out.len();
        out.extend(&self.text);
        self.put_digits(number, [0; 4], &mut out[text_at..]);
    }

    /// Bytes of the text.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    fn put_digits(&self, number: u64, mask: [u8; 4], text: &mut [u8]) {
        for &place in &self.places {
            let mut rest = FIRST + number;
            for at in (place..place + DIGITS).rev() {
                text[at] = (b'0' + (rest % 10) as u8) ^ mask[at % 4];
                rest /= 10;
            }
        }
    }

    /// The number of `text`, if it is this message, byte for byte.
    pub(crate) fn number_of(&self, text: &[u8]) -> Option<u64> {
        if text.len() != self.text.len() {
            return None;
        }
        let mut from = 0;
        let mut number = None;
        for &place in &self.places {
            let digits = &text[place..place + DIGITS];
            if text[from..place] != self.text[from..place] || !digits.iter().all(u8::is_ascii_digit)
            {
                return None;
            }
            let value = digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
            if *number.get_or_insert(value) != value {
                return None;
            }
            from = place + DIGITS;
        }
        if text[from..] != self.text[from..] {
            return None;
        }
        number?.checked_sub(FIRST)
    }
}

/// A string of `bytes` that begins with the number.
fn argument(bytes: usize) -> String {
    let letters = ('a'..='z').cycle().take(bytes - DIGITS);
    "#######".chars().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_is_read_back(number in 0..9_000_000_u64, bytes in 7..4_200_usize) {
            for message in [Numbered::echo_event(bytes), Numbered::echo_ack(bytes)] {
                let mut frame = Vec::new();
                message.push_frame(number, &mut frame);
                let found = frame::split(&frame).unwrap().unwrap();
                prop_assert_eq!(found.payload.end, frame.len());
                let text = &mut frame[found.payload];
                frame::apply_mask(text, found.mask.unwrap());
                prop_assert_eq!(message.number_of(text), Some(number));
                let mut plain = Vec::new();
                message.push_text(number, &mut plain);
                prop_assert_eq!(&*text, plain);
            }
        }
    }

    #[track_caller]
    fn check(text: &str, expect: Option<u64>) {
        assert_eq!(Numbered::echo_ack(9).number_of(text.as_bytes()), expect, "number of {text:?}");
    }

    #[test]
    fn only_the_very_message_has_a_number() {
        check(r#"431000042["1000042ab"]"#, Some(42));
        check(r#"431000042["1000043ab"]"#, None);
        check(r#"431000042["1000042aX"]"#, None);
        check(r#"431000042["100004 ab"]"#, None);
        check(r#"430000042["0000042ab"]"#, None); // below the first number
        check(r#"431000042["1000042ab"] "#, None);
        check("", None);
    }

    #[test]
    fn the_argument_has_the_bytes_asked_for() {
        for bytes in [7, 64, 128, 4_096] {
            assert_eq!(argument(bytes).len(), bytes);
        }
    }
}
