//! The limit of open files, raised at the start: every connection is one.

/// Raises the soft limit to the hard one, which needs no privilege.
#[cfg(unix)]
pub(super) fn raise() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        tracing::debug!(limit = %shown(current), "open files");
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => {
            tracing::info!(from = %shown(current), to = %shown(maximum), "limit of open files raised")
        }
        // macOS takes no more than OPEN_MAX, whatever its hard limit says.
        Err(error) => {
            tracing::warn!(%error, limit = %shown(current), "the limit of open files can't be raised (ulimit -n)");
        }
    }
}

#[cfg(unix)]
fn shown(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
}

/// There is no such limit here.
#[cfg(not(unix))]
pub(super) const fn raise() {}
