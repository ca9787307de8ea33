//! Ports of loopback for the servers that tests and developer commands start.

use std::fs::{File, OpenOptions, TryLockError, create_dir_all};
use std::io::{self, Error, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::PathBuf;

use parking_lot::Mutex;

/// Below what systems give to outgoing connections (from 32768 on Linux, from 49152 elsewhere), so that no connection
/// takes a port between here and the moment when its server listens, or while the server is away for a restart.
const RANGE: Range<u16> = 15_000..32_000;
const TRIES: usize = 1_000;

/// The locks on what this process was given: they go with the process.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port that nobody listens on and that no other call is given, in this process or another, until this process ends.
/// So a server can be started there, killed and started again.
///
/// # Errors
/// If the locks' folder (`kefu-ports-` and the user's name, beside other temporary files) cannot be written, or no port is
/// free.
pub fn free_port() -> io::Result<u16> {
    let folder = std::env::temp_dir().join(format!("kefu-ports-{}", std::env::var("USER").unwrap_or_default()));
    create_dir_all(&folder)?;
    for port in std::iter::repeat_with(|| rand::random_range(RANGE)).take(TRIES) {
        if let Some(lock) = lock(folder.join(port.to_string()))?
            && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        {
            TAKEN.lock().push(lock);
            return Ok(port);
        }
    }
    Err(Error::new(ErrorKind::AddrInUse, "no free port"))
}

/// `None`: somebody else has it.
fn lock(path: PathBuf) -> io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nobody_is_given_a_port_twice() {
        let ports: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| (0..50).map(|_| free_port().unwrap()))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
    }

    #[test]
    fn what_it_gives_can_be_listened_on() {
        let taken: Vec<_> = (0..20).map(|_| free_port().unwrap()).collect();
        let listeners: Vec<_> = taken.iter().map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port))).collect();
        assert!(listeners.iter().all(Result::is_ok));
    }
}
