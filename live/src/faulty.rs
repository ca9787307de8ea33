//! Live state that fails, hangs and forgets on purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::around::live_around;
use crate::{LiveError, MemoryLive};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not done.
    Unavailable,
    /// It is done, but the caller is told that it was not.
    UnavailableAfter,
    /// It is done after that time.
    Slow(Duration),
    /// It is done, then the memory is lost.
    ForgetAfter,
}

/// Decides before each call, given the method's name.
type Plan = dyn FnMut(&'static str) -> Option<Fault> + Send;

/// A memory that processes share, whose calls fail as planned.
pub struct Faulty {
    inner: Mutex<Arc<MemoryLive>>,
    lives: AtomicU64,
    plan: Mutex<Box<Plan>>,
}

impl Faulty {
    /// An empty memory; the plan is asked before each call, with the method's name.
    pub fn new(plan: impl FnMut(&'static str) -> Option<Fault> + Send + 'static) -> Self {
        Self {
            inner: Mutex::new(Arc::new(MemoryLive::shared(0))),
            lives: AtomicU64::new(1),
            plan: Mutex::new(Box::new(plan)),
        }
    }

    /// Another plan from now on.
    pub fn set_plan(&self, plan: impl FnMut(&'static str) -> Option<Fault> + Send + 'static) {
        *self.plan.lock() = Box::new(plan);
    }

    /// No call succeeds from now on.
    pub fn fail(&self) {
        self.set_plan(|_| Some(Fault::Unavailable));
    }

    /// Every call succeeds from now on.
    pub fn heal(&self) {
        self.set_plan(|_| None);
    }

    /// The memory is lost; another incarnation begins.
    pub fn forget(&self) {
        *self.inner.lock() = Arc::new(MemoryLive::shared(self.lives.fetch_add(1, Ordering::Relaxed)));
    }

    fn inner(&self) -> Arc<MemoryLive> {
        self.inner.lock().clone()
    }

    async fn around<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, LiveError>> + Send,
    ) -> Result<T, LiveError> {
        let unavailable = || LiveError::Unavailable("on purpose".into());
        let fault = (self.plan.lock())(method);
        match fault {
            None => call.await,
            Some(Fault::Unavailable) => Err(unavailable()),
            Some(Fault::UnavailableAfter) => {
                call.await?;
                Err(unavailable())
            }
            Some(Fault::Slow(wait)) => {
                tokio::time::sleep(wait).await;
                call.await
            }
            Some(Fault::ForgetAfter) => {
                let result = call.await;
                self.forget();
                result
            }
        }
    }
}

live_around!(Faulty);
