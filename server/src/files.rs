//! How many files the process may have open, and what of it is for clients' connections.

use anyhow::bail;

use kefu::settings::Limits;

/// Files that are kept for the log, the store, the broker and listening: connections of clients never take them.
const OWN_FILES: u64 = 48;
/// Fewer connections than this are no service.
const LEAST_CONNECTIONS: u64 = 8;

/// Raises the soft limit of open files to the hard one, and answers it; none when there is none.
///
/// # Errors
/// When it leaves no room for connections.
#[cfg(unix)]
pub fn raise_limit() -> anyhow::Result<Option<u64>> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let found = getrlimit(Resource::Nofile);
    if found.current != found.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: found.maximum, maximum: found.maximum })
    {
        tracing::warn!(%error, limit = ?found.current, "the limit of open files could not be raised");
    }
    let limit = getrlimit(Resource::Nofile).current;
    if let Some(limit) = limit.filter(|limit| *limit < OWN_FILES + LEAST_CONNECTIONS) {
        bail!(
            "this process may open only {limit} files, and needs at least {}: raise the limit (ulimit -n, LimitNOFILE= of \
             systemd, --ulimit nofile= of docker)",
            OWN_FILES + LEAST_CONNECTIONS
        );
    }
    Ok(limit)
}

/// There is no such limit here.
#[cfg(not(unix))]
pub fn raise_limit() -> anyhow::Result<Option<u64>> {
    Ok(None)
}

/// Most TCP connections of clients: a tenth more than `limits.connections`, for requests beside the sockets, as far as the
/// files suffice.
#[must_use]
pub fn room_for_connections(limits: &Limits, files: Option<u64>) -> usize {
    let wanted = limits.connections.saturating_add(limits.connections / 10);
    let room = files.map_or(usize::MAX, |files| usize::try_from(files.saturating_sub(OWN_FILES)).unwrap_or(usize::MAX));
    if room < limits.connections {
        tracing::warn!(
            connections = limits.connections,
            files,
            taken = room,
            "limits.connections does not fit into the limit of open files: so many connections are taken, more wait; raise \
             the limit (ulimit -n, LimitNOFILE=) or lower limits.connections"
        );
    }
    wanted.min(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_the_process_its_own_files() {
        let limits = Limits { connections: 1_000, ..Limits::default() };
        assert_eq!(room_for_connections(&limits, None), 1_100);
        assert_eq!(room_for_connections(&limits, Some(100_000)), 1_100);
        assert_eq!(room_for_connections(&limits, Some(64)), 16);
    }
}
