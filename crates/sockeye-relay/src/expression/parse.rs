//! Reads an expression, and says at which column it stops being one.

use std::fmt;

use serde_json::Value;
use serde_json_path::JsonPath;

use super::syntax::{Comparison, Logic, Operand, Step};

/// The longest expression, in bytes.
const MAX_BYTES: usize = 4_096;
/// The deepest, in parentheses and `not`s.
const MAX_DEPTH: usize = 64;
/// The deepest path, in brackets and parentheses: its parser tries each filter twice, and those in it four times.
const MAX_PATH_DEPTH: usize = 8;

/// Why a text is no expression. The fault of whoever wrote it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExpressionError {
    text: String,
    /// In bytes, on a boundary of a character.
    at: usize,
    expected: String,
}

impl ExpressionError {
    /// The column of what was found, from 1, in characters.
    #[must_use]
    pub fn column(&self) -> usize {
        1 + self.text[..self.at].chars().count()
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = &self.text[self.at..];
        write!(f, "column {}: ", self.column())?;
        match rest.chars().next() {
            None => f.write_str("it ends here")?,
            Some(_) => {
                let word: String = rest.chars().take(12).collect();
                write!(f, "found {:?}", word.split_whitespace().next().unwrap_or(&word))?;
            }
        }
        write!(f, "; expected {}", self.expected)?;
        if self.text.len() <= 200 && !self.text.contains('\n') {
            write!(f, "\n  {}\n  {:>width$}", self.text, "^", width = self.column())?;
        }
        Ok(())
    }
}

impl std::error::Error for ExpressionError {}

/// Reads one.
pub(super) fn parse(text: &str) -> Result<Logic, ExpressionError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    if text.len() > MAX_BYTES {
        return Err(ExpressionError {
            text: text.chars().take(80).collect(),
            at: 0,
            expected: format!("at most {MAX_BYTES} bytes, not {}", text.len()),
        });
    }
    let logic = parser.or()?;
    match parser.rest() {
        "" => Ok(logic),
        _ => Err(parser.expected("and, or, a comparison (==, !=, <, <=, >, >=), or the end")),
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn or(&mut self) -> Result<Logic, ExpressionError> {
        let mut parts = vec![self.and()?];
        while self.takes_word("or") {
            parts.push(self.and()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Logic::Or(parts) })
    }

    fn and(&mut self) -> Result<Logic, ExpressionError> {
        let mut parts = vec![self.not()?];
        while self.takes_word("and") {
            parts.push(self.not()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Logic::And(parts) })
    }

    fn not(&mut self) -> Result<Logic, ExpressionError> {
        if self.depth == MAX_DEPTH {
            return Err(
                self.expected(&format!("at most {MAX_DEPTH} parentheses and nots in each other"))
            );
        }
        if self.takes_word("not") {
            self.depth += 1;
            let part = self.not()?;
            self.depth -= 1;
            return Ok(Logic::Not(Box::new(part)));
        }
        if self.takes("(") {
            self.depth += 1;
            let logic = self.or()?;
            self.depth -= 1;
            if !self.takes(")") {
                return Err(self.expected("\")\""));
            }
            return Ok(logic);
        }
        let left = self.operand()?;
        for (sign, comparison) in Comparison::ALL {
            if self.takes(sign) {
                let right = self.operand()?;
                return Ok(Logic::Compare(Box::new(left), comparison, Box::new(right)));
            }
        }
        if self.rest().starts_with('=') {
            return Err(self.expected("\"==\""));
        }
        Ok(Logic::Bare(Box::new(left)))
    }

    fn operand(&mut self) -> Result<Operand, ExpressionError> {
        let rest = self.rest();
        match rest.chars().next() {
            Some('$') => self.path(),
            Some('"' | '\'') => self.string().map(|text| Operand::Literal(text.into())),
            Some('0'..='9' | '-') => self.number(),
            _ => {
                for (word, value) in
                    [("true", true.into()), ("false", false.into()), ("null", Value::Null)]
                {
                    if self.takes_word(word) {
                        return Ok(Operand::Literal(value));
                    }
                }
                if self.takes_word("task") {
                    return self.steps().map(Operand::Task);
                }
                Err(self.expected(
                    "a path ($…), task.…, a text in quotes, a number, true, false or null",
                ))
            }
        }
    }

    /// A JSONPath: it ends where its own grammar does, so brackets are counted, and quotes are passed over.
    fn path(&mut self) -> Result<Operand, ExpressionError> {
        let rest = self.rest();
        let (mut depth, mut quote, mut is_escaped, mut end) = (0_usize, None, false, rest.len());
        let mut before = ' ';
        for (index, c) in rest.char_indices() {
            match quote {
                Some(_) if is_escaped => is_escaped = false,
                Some(_) if c == '\\' => is_escaped = true,
                Some(open) if c == open => quote = None,
                Some(_) => {}
                None if depth > 0 && matches!(c, '"' | '\'') => quote = Some(c),
                None if matches!(c, '[' | '(') && (c == '[' || depth > 0) => {
                    depth += 1;
                    if depth > MAX_PATH_DEPTH {
                        self.at += index;
                        return Err(self.expected(&format!(
                            "at most {MAX_PATH_DEPTH} brackets and parentheses in each other"
                        )));
                    }
                }
                None if matches!(c, ']' | ')') && depth > 0 => depth -= 1,
                // A star is a step behind a point; elsewhere there is no product.
                None if depth == 0
                    && !(c.is_alphanumeric()
                        || matches!(c, '$' | '.' | '_')
                        || !c.is_ascii()
                        || c == '*' && before == '.') =>
                {
                    end = index;
                    break;
                }
                None => {}
            }
            before = c;
        }
        let path = JsonPath::parse(&rest[..end]).map_err(|error| {
            // Its position counts from the path's begin.
            let at = self.at + error.position().min(end);
            let at = (0..=at).rev().find(|&at| self.text.is_char_boundary(at)).unwrap_or(0);
            ExpressionError {
                text: self.text.to_owned(),
                at,
                expected: format!("a JSONPath: {}", error.message()),
            }
        })?;
        if let Some(meant) = super::path_in_first(&rest[..end]) {
            self.at += 1;
            return Err(self.expected(&format!(
                "an index, for the arguments are a list: {meant} is that of the first"
            )));
        }
        self.at += end;
        Ok(Operand::Args(path))
    }

    fn steps(&mut self) -> Result<Vec<Step>, ExpressionError> {
        let mut steps = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            if rest.starts_with('.') {
                self.at += 1;
                let rest = &self.text[self.at..];
                let end = rest
                    .find(|c: char| !(c.is_alphanumeric() || c == '_' || !c.is_ascii()))
                    .unwrap_or(rest.len());
                if end == 0 {
                    return Err(self.expected("the name of a member"));
                }
                self.at += end;
                steps.push(Step::Member(rest[..end].to_owned()));
            } else if rest.starts_with('[') {
                self.at += 1;
                let inside = self.rest();
                let step = if inside.starts_with(['"', '\'']) {
                    Step::Member(self.string()?)
                } else {
                    let end = inside.find(|c: char| !c.is_ascii_digit()).unwrap_or(inside.len());
                    let index = inside[..end].parse();
                    let index =
                        index.map_err(|_| self.expected("an index, or a name in quotes"))?;
                    self.at += end;
                    Step::Index(index)
                };
                if !self.takes("]") {
                    return Err(self.expected("\"]\""));
                }
                steps.push(step);
            } else {
                return Ok(steps);
            }
        }
    }

    fn string(&mut self) -> Result<String, ExpressionError> {
        let rest = self.rest();
        let mut chars = rest.char_indices();
        let Some((_, quote)) = chars.next() else { return Err(self.expected("a text in quotes")) };
        let mut json = String::from("\"");
        let mut is_escaped = false;
        for (index, c) in chars {
            match c {
                // A quote of the other kind needs an escape in JSON, and one of ours must not have it.
                '\'' if is_escaped => {
                    json.pop();
                    json.push('\'');
                    is_escaped = false;
                }
                _ if is_escaped => {
                    json.push(c);
                    is_escaped = false;
                }
                '\\' => {
                    json.push(c);
                    is_escaped = true;
                }
                _ if c == quote => {
                    json.push('"');
                    let text = serde_json::from_str(&json);
                    let text =
                        text.map_err(|_| self.expected("a text with the escapes of JSON"))?;
                    self.at += index + c.len_utf8();
                    return Ok(text);
                }
                '"' => json.push_str("\\\""),
                _ => json.push(c),
            }
        }
        Err(self.expected(&format!("a text that ends with {quote}")))
    }

    fn number(&mut self) -> Result<Operand, ExpressionError> {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let number = serde_json::from_str::<serde_json::Number>(&rest[..end]);
        let number = number.map_err(|_| self.expected("a number, such as 200 or -1.5"))?;
        self.at += end;
        Ok(Operand::Literal(Value::Number(number)))
    }

    /// What follows, without the blanks before it.
    fn rest(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_there = self.rest().starts_with(sign);
        self.at += if is_there { sign.len() } else { 0 };
        is_there
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_there = self
            .rest()
            .strip_prefix(word)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
        self.at += if is_there { word.len() } else { 0 };
        is_there
    }

    fn expected(&self, expected: &str) -> ExpressionError {
        ExpressionError { text: self.text.to_owned(), at: self.at, expected: expected.to_owned() }
    }
}
