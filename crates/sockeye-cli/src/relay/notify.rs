//! What the service manager is told: that the relay is ready, lives, stops.

use std::time::Duration;

/// Nobody is told anything unless `NOTIFY_SOCKET` is set; what can't be told is passed over.
#[derive(Clone, Copy, Debug)]
pub(super) enum Notice<'n> {
    Ready(&'n str),
    Watchdog,
    Reloaded(&'n str),
    Stopping(&'n str),
}

#[cfg(unix)]
pub(super) fn notify(notice: Notice<'_>) {
    use sd_notify::NotifyState as State;

    let told = match notice {
        Notice::Ready(status) | Notice::Reloaded(status) => {
            sd_notify::notify(&[State::Ready, State::Status(status)])
        }
        Notice::Watchdog => sd_notify::notify(&[State::Watchdog]),
        Notice::Stopping(status) => sd_notify::notify(&[State::Stopping, State::Status(status)]),
    };
    if let Err(error) = told {
        tracing::debug!(target: "sockeye::relay", %error, "the service manager can't be told");
    }
}

#[cfg(not(unix))]
pub(super) fn notify(_notice: Notice<'_>) {}

/// How often it wants to hear that the relay lives: twice within its patience.
pub(super) fn watchdog() -> Option<Duration> {
    let of_variable = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_other =
        of_variable("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id()));
    let patience = of_variable("WATCHDOG_USEC").filter(|micros| *micros > 0 && !is_other)?;
    Some(Duration::from_micros(patience) / 2)
}
