//! Which characters leave something on the screen, and which only shape their neighbours.
//!
//! A name is what people tell each other apart by. With characters that can't be seen one name could look like another,
//! or like none.

use unicode_properties::{GeneralCategory, UnicodeEmoji, UnicodeGeneralCategory};

const ZERO_WIDTH_NON_JOINER: char = '\u{200C}';
const ZERO_WIDTH_JOINER: char = '\u{200D}';
const EMOJI_STYLE: char = '\u{FE0F}';
const KEYCAP: char = '\u{20E3}';
/// Marks on top of each other, as of UTS 39 §5.4; more would reach into the lines around.
const MAX_STACKED_MARKS: usize = 4;

/// Whether every character of a name can be seen, or does something to one that can.
pub(crate) fn is_legible(name: &str) -> bool {
    let mut before: Option<char> = None;
    // What the marks stand on; nothing behind a space.
    let mut base: Option<char> = None;
    let mut stacked = 0;
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        let next = rest.clone().next();
        let is_fine = match c {
            ' ' | '\u{3000}' => {
                (base, stacked) = (None, 0);
                before = Some(c);
                continue;
            }
            ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER => joins(before, base, c, next),
            _ if is_selector(c) => selects(before, c, next),
            _ if is_mark(c) && !is_hidden(c) => {
                stacked += usize::from(c.general_category() != GeneralCategory::SpacingMark);
                base.is_some() && stacked <= MAX_STACKED_MARKS
            }
            _ => {
                (base, stacked) = (Some(c), 0);
                !is_hidden(c)
            }
        };
        if !is_fine {
            return false;
        }
        before = Some(c);
    }
    true
}

/// Whether a character by itself leaves something on the screen.
pub(crate) fn is_ink(c: char) -> bool {
    !c.is_whitespace() && !is_hidden(c) && !is_mark(c) && !is_selector(c)
}

/// A joiner that changes how its neighbours look: RFC 5892, appendix A.1 and A.2, and emoji of several parts.
fn joins(before: Option<char>, base: Option<char>, joiner: char, next: Option<char>) -> bool {
    let (Some(before), Some(base), Some(next)) = (before, base, next) else { return false };
    if is_virama(before) {
        return true;
    }
    if joiner == ZERO_WIDTH_JOINER {
        (is_pictograph(before) || before == EMOJI_STYLE) && is_pictograph(next)
    } else {
        is_arabic_letter(base) && !is_joined_only_to_the_right(base) && is_arabic_letter(next)
    }
}

/// A selector behind a character that has more than one shape.
fn selects(before: Option<char>, selector: char, next: Option<char>) -> bool {
    let Some(before) = before else { return false };
    match selector {
        '\u{FE0E}' | EMOJI_STYLE if before.is_ascii() => {
            before.is_emoji_char() && next == Some(KEYCAP)
        }
        '\u{FE0E}' | EMOJI_STYLE => before.is_emoji_char(),
        // Names of people and places in Japan are written with these.
        '\u{E0100}'..='\u{E01EF}' => is_ideograph(before),
        _ => false,
    }
}

const fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

fn is_mark(c: char) -> bool {
    matches!(
        c.general_category(),
        GeneralCategory::NonspacingMark
            | GeneralCategory::SpacingMark
            | GeneralCategory::EnclosingMark
    )
}

/// Controls, and all that has no shape: by its category, or although its category has one.
fn is_hidden(c: char) -> bool {
    let by_category = match c.general_category() {
        GeneralCategory::SpaceSeparator => !matches!(c, ' ' | '\u{3000}'),
        category => matches!(
            category,
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::PrivateUse
                | GeneralCategory::Unassigned
        ),
    };
    by_category
        || matches!(c,
            // Default-ignorable marks and letters (UAX 44), and blanks that count as letters and symbols.
            '\u{34F}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{2800}' | '\u{3164}' | '\u{FFA0}' | '\u{FFFC}' | '\u{13441}'..='\u{13442}'
            | '\u{16FE4}' | '\u{1D159}')
}

/// The arrows are the first that are drawn as pictures.
fn is_pictograph(c: char) -> bool {
    c >= '\u{2190}' && c.is_emoji_char()
}

const fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Signs that take a letter's vowel (combining class 9), of the scripts in use today.
const fn is_virama(c: char) -> bool {
    matches!(c,
        '\u{94D}' | '\u{9CD}' | '\u{A4D}' | '\u{ACD}' | '\u{B4D}' | '\u{BCD}' | '\u{C4D}' | '\u{CCD}'
        | '\u{D3B}'..='\u{D3C}' | '\u{D4D}' | '\u{DCA}' | '\u{1039}'..='\u{103A}' | '\u{17D2}'
        | '\u{1A60}' | '\u{1B44}' | '\u{A9C0}' | '\u{AAF6}' | '\u{ABED}')
}

fn is_arabic_letter(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{6FF}' | '\u{750}'..='\u{77F}' | '\u{8A0}'..='\u{8C9}')
        && c.is_alphabetic()
}

/// Alef, dal, reh, waw and their kind never reach to the letter behind them.
const fn is_joined_only_to_the_right(c: char) -> bool {
    matches!(c,
        '\u{621}'..='\u{625}' | '\u{627}' | '\u{629}' | '\u{62F}'..='\u{632}' | '\u{648}'
        | '\u{671}'..='\u{677}' | '\u{688}'..='\u{699}' | '\u{6C0}' | '\u{6C3}'..='\u{6CB}' | '\u{6CD}'
        | '\u{6CF}' | '\u{6D2}'..='\u{6D3}' | '\u{6D5}' | '\u{6EE}'..='\u{6EF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_legible_or_not() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(name: &str, expect: bool) {
            assert_eq!(is_legible(name), expect, "{name:?}");
        }
        for name in [
            "Ada Lovelace",
            "Adе",
            "小明",
            "山田\u{3000}太郎",
            "<b>Ada</b>",
            "O'Brien-Smith, Jr.",
            "👩\u{200D}🚀",
            "👩🏽\u{200D}🚀",
            "🏳\u{FE0F}\u{200D}🌈",
            "❤\u{FE0F}\u{200D}🔥",
            "❤\u{FE0F}",
            "1\u{FE0F}\u{20E3}",
            "🇨🇳",
            "😀", // emoji, of one part and of several
            "می\u{200C}خواهم",
            "क्\u{200D}ष",
            "क्\u{200C}ष",
            "ශ්\u{200D}රී", // joiners that change a shape
            "e\u{301}",
            "Nguye\u{302}\u{303}n",
            "ที่",
            "हिन्दी",
            "שָׁלוֹם",
            "བསྒྲུབས",
            "葛\u{E0100}城", // marks where they belong
        ] {
            check(name, true);
        }
        for name in [
            "\u{301}",
            "\u{301}\u{302}",
            " \u{301}",
            "Ada \u{301}",
            "\u{93E}",
            "\u{20E3}",                             // marks alone
            "A\u{301}\u{302}\u{303}\u{304}\u{305}", // five of them on one letter
            "Ad\u{200D}a",
            "Ad\u{200C}a",
            "小\u{200D}明",
            "1\u{200D}2",
            "Ada\u{200D}",
            "\u{200D}",
            "ا\u{200C}ب",
            "👩\u{200D}",
            "\u{200D}👩",
            "क\u{200D}ष", // joiners that do nothing
            "A\u{FE0F}da",
            "1\u{FE0F}",
            "小\u{FE0F}",
            "A\u{FE00}",
            "A\u{E0100}",
            "\u{FE0F}", // selectors
            "Ada\u{202E}nimda",
            "Ada\u{2066}",
            "Ada\u{200B}",
            "Ada\u{AD}",
            "\u{FEFF}Ada",
            "Ada\u{2060}", // format
            "A\0da",
            "A\nda",
            "A\tda",
            "A\u{1B}[31mda",
            "A\u{85}da", // controls
            "Ada\u{A0}Lovelace",
            "Ada\u{2003}Lovelace",
            "Ada\u{2028}Lovelace", // other spaces
            "\u{3164}",
            "Ada\u{3164}",
            "\u{2800}",
            "\u{FFA0}",
            "\u{115F}",
            "A\u{34F}da", // blanks
            "\u{E000}",
            "\u{378}",
            "\u{10FFFF}",
            "🏴\u{E0067}\u{E007F}", // no characters yet, or nobody's
        ] {
            check(name, false);
        }
    }
}
