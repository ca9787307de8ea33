//! Calls of the HTTP API, without a network.

use std::sync::{Arc, Mutex, OnceLock};

use kefu_edge::fuzzing::{Api, Call};
use kefu_live::MemoryLive;
use kefu_store::{SqliteConfig, SqliteStore};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// An edge whose owners never answer, made once for all calls.
struct Served {
    runtime: Runtime,
    api: Api,
    _folder: TempDir,
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let store = SqliteStore::open(&SqliteConfig::new(folder.path().join("kefu.db"))).expect("a store");
        let api = runtime.block_on(Api::new(Arc::new(store), Arc::new(MemoryLive::new(1))));
        Self { runtime, api, _folder: folder }
    }
}

/// A call: the first byte chooses the operation of the description, the second whose credential it carries; then come, up
/// to a byte 0, what stands for the parts of the path and the query, and behind it the body. Whatever it is, the answer is
/// no internal error, and what is refused is a problem with a number.
pub fn call(data: &[u8]) {
    static SERVED: OnceLock<Mutex<Served>> = OnceLock::new();
    let [operation, who, rest @ ..] = data else { return };
    let cut = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let Ok(address) = std::str::from_utf8(&rest[..cut]) else { return };
    let body = rest.get(cut + 1..).unwrap_or_default();
    let served = SERVED.get_or_init(|| Mutex::new(Served::start())).lock().expect("no call panicked before");
    let call = Call { operation: usize::from(*operation), who: *who, address, body };
    served.runtime.block_on(served.api.call(call));
}
