//! Steers a relay from outside.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::{Settings, Status, Unroutable};
use crate::target::Target;

/// What steers a relay while it runs. Clones steer the same one.
#[derive(Clone, Debug)]
pub struct Control {
    orders: mpsc::UnboundedSender<Order>,
    status: watch::Receiver<Status>,
    targets: usize,
}

/// What it may be told.
#[derive(Debug)]
pub(super) enum Order {
    /// Drain, then end.
    Stop,
    /// End without waiting for what was sent.
    Cut,
    /// Go on with these settings.
    Reload(Box<Settings>),
}

/// The relay's end of it.
#[derive(Debug)]
pub(super) struct Orders {
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    pub(super) status: watch::Sender<Status>,
}

pub(super) fn pair(targets: &[Arc<Target>]) -> (Control, Orders) {
    let (sender, orders) = mpsc::unbounded_channel();
    let (status, watched) = watch::channel(Status::new(targets));
    (Control { orders: sender, status: watched, targets: targets.len() }, Orders { orders, status })
}

impl Control {
    /// Tells it to drain and end, within the grace of its settings. Said again it changes nothing.
    pub fn stop(&self) {
        let _ = self.orders.send(Order::Stop); // it may have ended already
    }

    /// Tells it to end without waiting for what was sent: that stays claimable. Of the store it is waited for no longer than a
    /// moment.
    pub fn cut(&self) {
        let _ = self.orders.send(Order::Cut); // it may have ended already
    }

    /// Goes on with these settings, without losing or sending twice what is under way. What is claimed already keeps the policy
    /// that it was claimed with.
    ///
    /// # Errors
    ///
    /// [`Unroutable`]: the routes name a connection that there is not; nothing has changed then.
    pub fn reload(&self, settings: Settings) -> Result<(), Unroutable> {
        settings.routes.check(self.targets)?;
        let _ = self.orders.send(Order::Reload(Box::new(settings))); // it may have ended already
        Ok(())
    }

    /// Where it stands; told anew a few times a second while something happens.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }
}
