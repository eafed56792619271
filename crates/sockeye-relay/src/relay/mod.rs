//! The relay at work: one task owns the machine, and everything that happens passes through it.
//!
//! ```text
//!            ┌──────────────── Driver ────────────────┐
//!  Queue ──▶ claimer ─▶ read ─▶ Delivery ─▶ sends ─▶ Target
//!    ▲                             │  ▲                │
//!    └───────── settler ◀──────────┘  └── outcomes ────┘
//! ```

mod alarms;
mod backoff;
mod claimer;
mod control;
mod driver;
mod keeping;
mod report;
mod routes;
mod settings;
mod settler;

use std::sync::Arc;

pub use control::Control;
pub use report::{Counts, Ended, Status, TargetStatus};
pub use routes::{NoRoute, Routes, Unroutable};
pub use settings::{Reader, Settings};

use crate::{metrics::Metrics, queue::Queue, target::Target};

/// A relay that has not begun: a queue, connections, and how to treat what comes.
#[derive(Debug)]
#[must_use = "nothing happens until `run` is called and awaited"]
pub struct Relay {
    queue: Arc<dyn Queue>,
    targets: Vec<Arc<Target>>,
    settings: Settings,
    control: Control,
    orders: control::Orders,
    metrics: Arc<Metrics>,
}

impl Relay {
    /// A relay from this queue to these connections, which may connect already.
    ///
    /// # Errors
    ///
    /// [`Unroutable`]: the settings' routes name a connection that there is not.
    pub fn new(
        queue: Arc<dyn Queue>,
        targets: Vec<Arc<Target>>,
        settings: Settings,
    ) -> Result<Self, Unroutable> {
        settings.routes.check(targets.len())?;
        let (control, orders) = control::pair(&targets);
        let metrics = Arc::default();
        Ok(Self { queue, targets, settings, control, orders, metrics })
    }

    /// What steers it while it runs.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// What it counts and measures, told anew a few times a second.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Relays until it is told to stop, then drains: nothing is claimed any more, what was not sent goes back, what was sent
    /// is waited for.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is as if it had been killed: what was claimed is claimed by the next instance.
    pub async fn run(self) -> Ended {
        let Self { queue, targets, settings, control: _, orders, metrics } = self;
        driver::Driver::new(queue, targets, settings, orders, metrics).run().await
    }
}
