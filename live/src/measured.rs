//! Live state whose calls are measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::around::live_around;
use crate::{Live, LiveError};

/// Is told of each call: the method's name, how long it took, and why it failed, if it did.
pub type Observe = dyn Fn(&'static str, Duration, Option<&LiveError>) + Send + Sync;

/// Wraps live state and tells how long its calls take.
pub struct Measured {
    inner: Arc<dyn Live>,
    observe: Box<Observe>,
}

impl Measured {
    /// Wraps live state. `observe` is called after each call and must not block.
    pub fn new(
        inner: Arc<dyn Live>,
        observe: impl Fn(&'static str, Duration, Option<&LiveError>) + Send + Sync + 'static,
    ) -> Self {
        Self { inner, observe: Box::new(observe) }
    }

    fn inner(&self) -> &dyn Live {
        &*self.inner
    }

    async fn around<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, LiveError>> + Send,
    ) -> Result<T, LiveError> {
        let began = Instant::now();
        let result = call.await;
        (self.observe)(method, began.elapsed(), result.as_ref().err());
        result
    }
}

live_around!(Measured);
