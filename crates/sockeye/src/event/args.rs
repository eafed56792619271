//! Arguments of events and acks, typed or raw, in both directions.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::{Event, FromEvent, Needs, Payload, Place, Reject};

pub use sockeye_proto::wire::payload::EncodeError;

/// The arguments of an event, one type for each: `Args<(String, u32)>`. Any other type than a tuple is that of the first one:
/// `Args<String>`, `Args<Message>`.
///
/// `Bytes` anywhere inside are filled from the attachments. Surplus arguments are ignored, as in JavaScript;
/// missing ones read as `null`, so an `Option` takes them. A handler keeps them while it waits, so they are owned: `String`,
/// not `&str`.
///
/// # Examples
///
/// ```
/// use sockeye::event::{Ack, Args};
///
/// async fn add(Args((a, b)): Args<(i64, i64)>) -> Ack<i64> {
///     Ack(a + b)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Args<T>(pub T);

impl<C, T: DeserializeOwned> FromEvent<C> for Args<T> {
    fn from_event(event: &Event<'_, C>) -> Result<Self, Reject> {
        Ok(Self(event.payload().deserialize()?))
    }

    fn needs(needs: &mut Needs) {
        let instead = "what a client joins with, a server's connect handler takes as `Auth<T>`";
        needs.place("Args", &[Place::Event], instead);
    }
}

/// The arguments as they came: checked JSON text and attachments, never parsed.
///
/// For relays and echoes: it costs one copy of the text, and can be sent on as it is. In a server's connect handler it is the
/// auth payload.
///
/// # Examples
///
/// ```
/// use sockeye::event::{Ack, RawArgs};
///
/// async fn echo(args: RawArgs) -> Ack<RawArgs> {
///     Ack(args)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RawArgs(pub(crate) Payload<'static>);

impl RawArgs {
    /// Arguments from a list, one each: for programs that learn only when they run how many there are.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]: a value can't be written as JSON; the caller's fault.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye::event::RawArgs;
    ///
    /// let values: Vec<serde_json::Value> = serde_json::from_str(r#"[1,"a"]"#)?;
    /// assert_eq!(RawArgs::from_list(&values)?.text(), r#"1,"a""#);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_list<T: Serialize>(values: &[T]) -> Result<Self, EncodeError> {
        Payload::serialize_all(values).map(Self)
    }

    /// The arguments without brackets: `"a",{"b":1}`.
    pub fn text(&self) -> &str {
        self.0.args_text()
    }

    /// How many arguments there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no argument.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The attachments that placeholders in the text point to.
    pub fn attachments(&self) -> &[Bytes] {
        self.0.attachments()
    }

    /// Parses the arguments into a tuple of types.
    ///
    /// # Errors
    ///
    /// [`ArgsError`](super::ArgsError): the arguments are not of these types.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, super::ArgsError> {
        self.0.deserialize()
    }
}

impl<C> FromEvent<C> for RawArgs {
    fn from_event(event: &Event<'_, C>) -> Result<Self, Reject> {
        Ok(Self(event.payload().clone().into_owned()))
    }

    fn needs(needs: &mut Needs) {
        let instead = "nothing comes with a socket that goes";
        needs.place("RawArgs", &[Place::Event, Place::Connect], instead);
    }
}

/// Arguments to send: a tuple of anything serde can write (one argument for each element), a single value (one
/// argument), or [`RawArgs`].
///
/// `()` is no argument at all. `Bytes` anywhere inside become attachments.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use sockeye::event::ToArgs;
///
/// assert_eq!(("a", 1).to_payload()?.args_text(), r#""a",1"#);
/// assert_eq!("a".to_payload()?.args_text(), r#""a""#);
/// assert_eq!(vec![1, 2].to_payload()?.args_text(), "[1,2]");
/// assert_eq!(Bytes::from_static(b"\xff").to_payload()?.attachments().len(), 1);
/// # Ok::<_, sockeye::event::EncodeError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be sent",
    note = "serde has to be able to write it: `#[derive(serde::Serialize)]`; a tuple is one argument for each element"
)]
pub trait ToArgs {
    /// Encodes the arguments of an ack.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]: a value can't be written as JSON; the caller's fault.
    fn to_payload(&self) -> Result<Payload<'static>, EncodeError>;

    /// As [`Self::to_payload`], for arguments that are not needed any more.
    ///
    /// # Errors
    ///
    /// As [`Self::to_payload`].
    fn into_payload(self) -> Result<Payload<'static>, EncodeError>
    where
        Self: Sized,
    {
        self.to_payload()
    }

    /// Encodes an event, its name first.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]: a value can't be written as JSON, or the name is reserved; the caller's fault.
    fn to_event(&self, name: &str) -> Result<Payload<'static>, EncodeError>;
}

impl<T: Serialize> ToArgs for T {
    fn to_payload(&self) -> Result<Payload<'static>, EncodeError> {
        Payload::serialize(self)
    }

    fn to_event(&self, name: &str) -> Result<Payload<'static>, EncodeError> {
        Payload::serialize_event(name, self)
    }
}

impl ToArgs for RawArgs {
    fn to_payload(&self) -> Result<Payload<'static>, EncodeError> {
        Ok(self.0.clone())
    }

    fn into_payload(self) -> Result<Payload<'static>, EncodeError> {
        Ok(self.0)
    }

    fn to_event(&self, name: &str) -> Result<Payload<'static>, EncodeError> {
        self.0.to_event(name)
    }
}
