//! A store whose calls are measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Store;
use crate::around::store_around;
use crate::error::StoreError;

/// Is told of each call: the method's name, how long it took, and why it failed, if it did.
pub type Observe = dyn Fn(&'static str, Duration, Option<&StoreError>) + Send + Sync;

/// Wraps a store and tells how long its calls take.
pub struct Measured {
    inner: Arc<dyn Store>,
    observe: Box<Observe>,
}

impl Measured {
    /// Wraps a store. `observe` is called after each call and must not block.
    pub fn new(
        inner: Arc<dyn Store>,
        observe: impl Fn(&'static str, Duration, Option<&StoreError>) + Send + Sync + 'static,
    ) -> Self {
        Self { inner, observe: Box::new(observe) }
    }

    async fn around<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let result = call.await;
        (self.observe)(method, began.elapsed(), result.as_ref().err());
        result
    }
}

store_around!(Measured);
