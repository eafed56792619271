//! The client for programs without a runtime: the same one, driven by a thread in the background.
//!
//! All such clients share one thread, which begins with the first and ends with the last. It answers pings and takes
//! events whatever the program does meanwhile. Handlers run there, so they must not block; [`on_thread`] gives one that
//! does a thread of its own.
//!
//! ```no_run
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use sockeye::{client::Client, event::{Args, on_thread}};
//!
//! fn chat(Args((text,)): Args<(String,)>) {
//!     println!("{text}"); // may block
//! }
//!
//! let client = Client::builder("https://example.com/imchat").on("chat", on_thread(chat)).connect_blocking()?;
//! client.emit("message", ("hello",))?;
//! let room: String = client.call("join", ("lobby",)).wait()?;
//! let delivery = client.deliver("message", ("again, until it is acknowledged",))?;
//! let id: u64 = client.wait(delivery.acked())?;
//! client.close();
//! # Ok(())
//! # }
//! ```
//!
//! [`on_thread`]: crate::event::on_thread

use std::{
    fmt, io,
    ops::Deref,
    sync::{Arc, Weak},
    thread::{self, JoinHandle},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{runtime, sync::oneshot};

use super::{
    BuildError, Builder, CallError, CallErrorKind, CloseReason, ConnectError, Incoming, NextError,
};
use crate::event::{FromAck, ToArgs};

/// A client whose methods wait instead of being awaited.
///
/// It dereferences to the async [`Client`](super::Client), whose [`emit`](super::Socket::emit),
/// [`deliver`](super::Socket::deliver) and the like wait for nothing anyway. Any of its futures can be waited for with
/// [`Self::wait`].
///
/// When its last clone is dropped, it is closed as by [`Self::close`], which may take a second; what is not written by then
/// is lost, and the log says so.
#[derive(Clone, Debug)]
pub struct Client(Arc<Handle>);

/// What all clones have together.
#[derive(Debug)]
struct Handle {
    client: super::Client,
    background: Arc<Background>,
}

/// How long the last handle waits for what it has emitted to be written.
const GOODBYE: Duration = Duration::from_secs(1);

impl Drop for Handle {
    fn drop(&mut self) {
        // A handler that drops it, on that very thread, can't wait for it.
        if self.background.is_current() {
            return;
        }
        let close = async { tokio::time::timeout(GOODBYE, self.client.close()).await };
        let _ = self.background.wait(close); // what is too late, the end of the thread tells
    }
}

impl Client {
    pub(super) fn connect(builder: Builder) -> Result<Self, ConnectError> {
        let background = Background::shared().map_err(BuildError::Thread)?;
        let client = background.wait(builder.connect())?;
        Ok(Self(Arc::new(Handle { client, background })))
    }

    /// Sends an event and waits for the server's ack: `let answer: u64 = client.call("ask", (1,)).wait()?`.
    pub fn call<R: FromAck>(&self, event: &str, args: impl ToArgs) -> Call<'_, R> {
        Call { client: self, call: self.0.client.call(event, args) }
    }

    /// Waits for the next event of this name that no handler takes; see [`Events::next`](super::Events::next).
    ///
    /// # Errors
    ///
    /// [`NextError`].
    pub fn next(&self, event: &str) -> Result<Incoming, NextError> {
        self.wait(self.0.client.next(event))
    }

    /// As [`Self::next`], but not for longer than this; `None` if the time is over.
    ///
    /// # Errors
    ///
    /// [`NextError`].
    pub fn next_within(
        &self,
        event: &str,
        timeout: Duration,
    ) -> Result<Option<Incoming>, NextError> {
        let next = async { tokio::time::timeout(timeout, self.0.client.next(event)).await };
        self.wait(next).ok().transpose()
    }

    /// As [`Client::close`](super::Client::close).
    // By reference: clones may be at work on other threads.
    pub fn close(&self) -> CloseReason {
        self.wait(self.0.client.close())
    }

    /// Waits for a future of this client, such as that of [`SendHandle::written`](super::SendHandle::written).
    ///
    /// Within a runtime it blocks the thread, as everything here does.
    ///
    /// # Panics
    ///
    /// If the future does.
    pub fn wait<F>(&self, future: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        self.0.background.wait(future)
    }
}

impl Deref for Client {
    type Target = super::Client;

    fn deref(&self) -> &super::Client {
        &self.0.client
    }
}

/// A call that has not been made yet; see [`Call`](super::Call).
#[must_use = "a call is made by `wait`"]
pub struct Call<'c, R> {
    client: &'c Client,
    call: super::Call<R, CallErrorKind>,
}

impl<R: FromAck + Send> Call<'_, R> {
    /// Sends the event and waits for the server's ack, as long as the builder's
    /// [`call_timeout`](super::Builder::call_timeout) says.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub fn wait(self) -> Result<R, CallError> {
        self.client.wait(self.call.into_future())
    }

    /// As [`Self::wait`], but for this long.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub fn timeout(mut self, timeout: Duration) -> Result<R, CallError> {
        self.call = self.call.timeout(timeout);
        self.wait()
    }
}

impl<R> fmt::Debug for Call<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}

/// The thread that drives all blocking clients of this process.
struct Background {
    handle: runtime::Handle,
    /// Dropped, it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The one there is, as long as a client has it.
static BACKGROUND: Mutex<Weak<Background>> = Mutex::new(Weak::new());

impl Background {
    fn shared() -> io::Result<Arc<Self>> {
        let mut background = BACKGROUND.lock();
        if let Some(background) = background.upgrade() {
            return Ok(background);
        }
        let new = Arc::new(Self::start()?);
        *background = Arc::downgrade(&new);
        Ok(new)
    }

    fn start() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            let _ = runtime.block_on(stopped); // an error is what it waits for: the sender is gone
        };
        let thread = thread::Builder::new().name("sockeye".to_owned()).spawn(run)?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Whether this is its thread.
    fn is_current(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| thread.thread().id() == thread::current().id())
    }

    fn wait<F>(&self, future: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        if runtime::Handle::try_current().is_err() {
            return self.handle.block_on(future);
        }
        // Tokio allows no waiting on threads of a runtime, so another one waits.
        thread::scope(|scope| {
            let waiter = scope.spawn(|| self.handle.block_on(future));
            waiter.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        let waits = !self.is_current();
        if let Some(thread) = self.thread.take()
            && waits
        {
            let _ = thread.join(); // its panic has been printed
        }
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background").finish_non_exhaustive()
    }
}
