//! A store that fails on purpose.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::Store;
use crate::around::store_around;
use crate::error::StoreError;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is done, but the caller is told that there was no answer in time.
    TimeoutAfter,
    /// It is not done.
    Unavailable,
    /// It is done after that time.
    Slow(Duration),
}

/// Decides before each call, given the method's name.
type Plan = dyn FnMut(&'static str) -> Option<Fault> + Send;

/// Wraps a store and makes calls fail as planned.
pub struct Faulty {
    inner: Arc<dyn Store>,
    plan: Mutex<Box<Plan>>,
}

impl Faulty {
    /// Wraps a store; the plan is asked before each call, with the method's name.
    pub fn new(inner: Arc<dyn Store>, plan: impl FnMut(&'static str) -> Option<Fault> + Send + 'static) -> Self {
        Self { inner, plan: Mutex::new(Box::new(plan)) }
    }

    /// Another plan from now on.
    pub fn set_plan(&self, plan: impl FnMut(&'static str) -> Option<Fault> + Send + 'static) {
        *self.plan.lock() = Box::new(plan);
    }

    async fn around<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let fault = (self.plan.lock())(method);
        match fault {
            None => call.await,
            Some(Fault::Unavailable) => Err(StoreError::Unavailable("on purpose".into())),
            Some(Fault::Slow(wait)) => {
                tokio::time::sleep(wait).await;
                call.await
            }
            Some(Fault::TimeoutAfter) => {
                call.await?;
                Err(StoreError::Timeout)
            }
        }
    }
}

store_around!(Faulty);
