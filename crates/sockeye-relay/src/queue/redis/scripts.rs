//! The scripts that every step is made of: each is atomic, and runs in one slot.

use redis::Script;

/// The version of the layout of the keys.
pub(super) const LAYOUT: u32 = 1;

/// Makes the structure and its constructor: what a script is made of depends on the kind of the queue.
macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        /// All scripts for one kind of queue.
        #[derive(Debug)]
        pub(super) struct Scripts {
            $(pub(super) $name: Script,)*
        }

        impl Scripts {
            fn new(kind: &str) -> Self {
                let head = include_str!("lua/head.lua");
                let fit = include_str!("lua/fit.lua");
                let rescue = include_str!("lua/rescue.lua");
                Self {
                    $($name: Script::new(
                        &[head, kind, fit, rescue, include_str!(concat!("lua/", stringify!($name), ".lua"))].join("\n"),
                    ),)*
                }
            }
        }
    };
}

scripts!(
    look, join, claim, settle, renew, mine, give, close, put, peek, stats, find, graves, exhume,
    sweep, finished
);

impl Scripts {
    /// For a list.
    pub(super) fn list() -> Self {
        Self::new(include_str!("lua/list.lua"))
    }

    /// For a stream.
    pub(super) fn stream() -> Self {
        Self::new(include_str!("lua/stream.lua"))
    }
}
