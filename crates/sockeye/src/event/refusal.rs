//! A handler's "no" to the peer: a message and data that may be shown to it.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use sockeye_proto::wire::engine::Version;

use super::Payload;

/// What a handler answers instead of a value: a code, a message and data, all meant for the peer.
///
/// It is not itself an [`std::error::Error`], so that every error turns into one with `?`. Such a foreign
/// error is logged, and the peer is told only that something failed on this side: an error's text may hold
/// what the peer must not learn.
///
/// As an ack it reads `[{"error":{"code":"…","message":"…","data":…}}]`; as the answer to a CONNECT
/// `{"message":"…","data":…}`.
///
/// # Examples
///
/// ```
/// use sockeye::event::Refusal;
///
/// fn age(text: &str) -> Result<u8, Refusal> {
///     let age: u8 = text.parse()?; // a foreign error: logged, not shown
///     if age < 18 {
///         return Err(Refusal::new("adults only").code("too-young").data(&age));
///     }
///     Ok(age)
/// }
/// assert_eq!(age("12").unwrap_err().message(), "adults only");
/// assert_eq!(age("x").unwrap_err().message(), "internal error");
/// ```
#[derive(Clone, Debug)]
pub struct Refusal {
    code: Cow<'static, str>,
    message: String,
    data: Option<Box<RawValue>>,
}

impl Refusal {
    /// A refusal with this message and the code `refused`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed("refused"), message: message.into(), data: None }
    }

    /// A word for programs to match on. Default: `refused`.
    #[must_use]
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = code.into();
        self
    }

    /// Anything else the peer should know. Data that can't be written as JSON is logged and left out.
    #[must_use]
    pub fn data(mut self, data: &impl Serialize) -> Self {
        match serde_json::value::to_raw_value(data) {
            Ok(data) => self.data = Some(data),
            Err(error) => tracing::error!(%error, "data of a refusal is not JSON; left out"),
        }
        self
    }

    /// The text for the peer.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The JSON of a CONNECT_ERROR; in version 3, of an ERROR, which is the data alone, or else the text alone.
    pub(crate) fn to_connect_error(&self, version: Version) -> String {
        if version == Version::V3 {
            let text = || serde_json::Value::from(&*self.message).to_string();
            return self.data.as_ref().map_or_else(text, |data| data.get().to_owned());
        }
        #[derive(Serialize)]
        struct ConnectError<'a> {
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            data: Option<&'a RawValue>,
        }
        let error = ConnectError { message: &self.message, data: self.data.as_deref() };
        #[expect(clippy::expect_used, reason = "no input can make it fail")]
        serde_json::to_string(&error).expect("strings and raw JSON have a JSON form")
    }

    /// The argument list of an error ack.
    pub(crate) fn to_ack(&self) -> Payload<'static> {
        #[derive(Serialize)]
        struct Body<'a> {
            code: &'a str,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            data: Option<&'a RawValue>,
        }
        #[derive(Serialize)]
        struct ErrorAck<'a> {
            error: Body<'a>,
        }
        let error = Body { code: &self.code, message: &self.message, data: self.data.as_deref() };
        #[expect(clippy::expect_used, reason = "no input can make it fail")]
        Payload::serialize(&(ErrorAck { error },)).expect("strings and raw JSON have a JSON form")
    }
}

impl<E: std::error::Error> From<E> for Refusal {
    fn from(error: E) -> Self {
        let causes: Vec<_> = std::iter::successors(error.source(), |e| e.source())
            .map(ToString::to_string)
            .collect();
        tracing::warn!(%error, ?causes, "a handler failed");
        Self::new("internal error").code("internal")
    }
}
