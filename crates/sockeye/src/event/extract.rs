//! What a handler takes: values pulled out of an event and its context.

use std::{
    cell::RefCell,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{ArgsError, Needs, Payload, Refusal, Reply};

/// One event on its way to a handler. `C` is the context: the server's or the client's.
///
/// It borrows from the read buffer: extractors copy out what the handler keeps.
pub struct Event<'e, C> {
    name: &'e str,
    payload: &'e Payload<'e>,
    context: &'e C,
    reply: RefCell<Slot>,
}

/// Who answers.
enum Slot {
    /// The peer asks for no ack.
    Unasked,
    /// The automatic answer, from what the handler returns.
    Automatic(Reply),
    /// An [`AckSender`](super::AckSender), armed once the handler has started; if it can't start, the reply is ours.
    Taken { armed: Arc<AtomicBool>, reply: Reply },
}

impl<'e, C> Event<'e, C> {
    pub(crate) fn new(
        name: &'e str,
        payload: &'e Payload<'e>,
        context: &'e C,
        reply: Option<Reply>,
    ) -> Self {
        let slot = reply.map_or(Slot::Unasked, Slot::Automatic);
        Self { name, payload, context, reply: RefCell::new(slot) }
    }

    /// The event's name.
    pub fn name(&self) -> &str {
        self.name
    }

    /// The arguments, not parsed yet.
    pub fn payload(&self) -> &Payload<'e> {
        self.payload
    }

    /// The context the event arrived in.
    pub fn context(&self) -> &C {
        self.context
    }

    /// Whether the handler's return value will be sent as an ack.
    pub fn wants_answer(&self) -> bool {
        matches!(&*self.reply.borrow(), Slot::Automatic(_))
    }

    /// Takes the answer out of the automatic answer's hands.
    pub(super) fn take_reply(&self) -> (Option<Reply>, Arc<AtomicBool>) {
        let mut slot = self.reply.borrow_mut();
        let armed = Arc::new(AtomicBool::new(false));
        match std::mem::replace(&mut *slot, Slot::Unasked) {
            Slot::Automatic(reply) => {
                *slot = Slot::Taken { armed: Arc::clone(&armed), reply: reply.clone() };
                (Some(reply), armed)
            }
            other => {
                *slot = other;
                (None, armed)
            }
        }
    }

    /// The handler has started: what is left to answer is returned, a taken answer is armed.
    pub(crate) fn started(self) -> Option<Reply> {
        match self.reply.into_inner() {
            Slot::Automatic(reply) => Some(reply),
            Slot::Taken { armed, .. } => {
                armed.store(true, Ordering::Release);
                None
            }
            Slot::Unasked => None,
        }
    }

    /// No handler could start: whoever held the answer, the caller has to send it.
    pub(crate) fn not_started(self) -> Option<Reply> {
        match self.reply.into_inner() {
            Slot::Automatic(reply) | Slot::Taken { reply, .. } => Some(reply),
            Slot::Unasked => None,
        }
    }
}

impl<C> fmt::Debug for Event<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a handler could not be started.
///
/// It is the peer's fault (wrong arguments): the peer gets it as an error ack, if it asked for one.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Reject {
    /// The arguments are not of the types the handler takes.
    Args(String),
    /// An extractor of your own refuses.
    Refused(Refusal),
}

impl Reject {
    /// The error ack for the peer.
    pub(crate) fn into_refusal(self) -> Refusal {
        match self {
            Self::Args(message) => Refusal::new(message).code("bad-arguments"),
            Self::Refused(refusal) => refusal,
        }
    }
}

impl From<ArgsError> for Reject {
    fn from(error: ArgsError) -> Self {
        Self::Args(error.to_string())
    }
}

/// A handler parameter: something that comes from the event or its context.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be taken from an event",
    label = "a parameter is `{Self}`",
    note = "the arguments are taken as `Args<(A, B, …)>`, one type for each, or as `RawArgs`; serde has to be able to read each \
            of these types: `#[derive(serde::Deserialize)]`",
    note = "anything of yours is taken as `State<T>`, and given to the builder's `state`; nothing is borrowed: `Socket`, not \
            `&Socket`"
)]
pub trait FromEvent<C>: Sized {
    /// Takes the value; runs before the handler's first await.
    ///
    /// # Errors
    ///
    /// [`Reject`]: the peer's event does not fit.
    fn from_event(event: &Event<'_, C>) -> Result<Self, Reject>;

    /// Says what must have been provided by the time of `build`.
    fn needs(_needs: &mut Needs) {}
}

/// What fits, or `None`: the handler runs although this parameter can't be taken from the event, such as arguments of other types.
///
/// It is about what the peer sends. States and data of the application have to be provided all the same.
///
/// # Examples
///
/// ```
/// use sockeye::event::{Ack, Args};
///
/// // An event that is sent with a number, or with nothing that anybody expected.
/// async fn double(number: Option<Args<i64>>) -> Ack<Option<i64>> {
///     Ack(number.map(|Args(number)| number * 2))
/// }
/// ```
#[diagnostic::do_not_recommend]
impl<C, T: FromEvent<C>> FromEvent<C> for Option<T> {
    fn from_event(event: &Event<'_, C>) -> Result<Self, Reject> {
        Ok(T::from_event(event).ok())
    }

    fn needs(needs: &mut Needs) {
        T::needs(needs);
    }
}

/// What fits, or why it does not: the handler itself says what the peer is told.
///
/// # Examples
///
/// ```
/// use sockeye::event::{Ack, Args, Refusal, Reject};
///
/// async fn double(number: Result<Args<i64>, Reject>) -> Result<Ack<i64>, Refusal> {
///     let Args(number) = number.map_err(|_| Refusal::new("a number, please").code("number"))?;
///     Ok(Ack(number * 2))
/// }
/// ```
#[diagnostic::do_not_recommend]
impl<C, T: FromEvent<C>> FromEvent<C> for Result<T, Reject> {
    fn from_event(event: &Event<'_, C>) -> Result<Self, Reject> {
        Ok(T::from_event(event))
    }

    fn needs(needs: &mut Needs) {
        T::needs(needs);
    }
}

/// The event's name, for handlers of more than one event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EventName(pub String);

impl<C> FromEvent<C> for EventName {
    fn from_event(event: &Event<'_, C>) -> Result<Self, Reject> {
        Ok(Self(event.name().to_owned()))
    }
}
