//! Header values as the handshake reads them: ASCII only, comma lists over several lines, no doubles.

use http::{HeaderMap, HeaderName};

/// What can be wrong with a header before its meaning matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum HeaderError {
    /// A value has characters outside visible ASCII.
    NotAscii,
    /// A header that may appear once appears again.
    Repeated,
}

/// The value of a header that may appear once.
pub(super) fn single<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h str>, HeaderError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(HeaderError::Repeated);
    }
    value.to_str().map(|value| Some(value.trim())).map_err(|_| HeaderError::NotAscii)
}

/// The elements of a comma list that may be spread over several lines; empty elements are skipped.
pub(super) fn list<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Vec<&'h str>, HeaderError> {
    let mut elements = Vec::new();
    for value in headers.get_all(name) {
        let value = value.to_str().map_err(|_| HeaderError::NotAscii)?;
        elements.extend(value.split(',').map(str::trim).filter(|element| !element.is_empty()));
    }
    Ok(elements)
}

/// Whether a comma list names `token`, in any case.
pub(super) fn names_token(
    headers: &HeaderMap,
    name: &HeaderName,
    token: &str,
) -> Result<bool, HeaderError> {
    Ok(list(headers, name)?.iter().any(|element| element.eq_ignore_ascii_case(token)))
}

/// Whether `text` is a token of HTTP (RFC 9110 §5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
