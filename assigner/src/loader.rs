//! Loads allocation states: all tenants of a partition stand in its checkpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use kefu_model::TenantId;
use kefu_model::allocation::Allocation;
use kefu_nats::codec;
use kefu_nats::engine::{LoadError, Loader, Row, Want};
use kefu_store::Checkpoint;

use crate::domain::Allocations;

/// The states of the checkpoint that the owner started from.
#[derive(Default)]
pub(crate) struct AllocationLoader {
    states: BTreeMap<TenantId, Allocation>,
    position: u64,
}

impl AllocationLoader {
    pub(crate) fn read(checkpoint: Option<&Checkpoint>) -> Result<Arc<Self>, LoadError> {
        let Some(checkpoint) = checkpoint else { return Ok(Arc::default()) };
        let states = codec::decode_allocation_states(&checkpoint.state).map_err(|error| LoadError(Box::new(error)))?;
        let states = states.into_iter().map(|state| (state.tenant.clone(), state)).collect();
        Ok(Arc::new(Self { states, position: checkpoint.position }))
    }

    /// The tenants of the checkpoint.
    pub(crate) fn states(&self) -> impl Iterator<Item = &Allocation> {
        self.states.values()
    }
}

#[async_trait]
impl Loader<Allocations> for AllocationLoader {
    async fn load(&self, tenant: &TenantId, _: &Want<()>) -> Result<Row<Allocations>, LoadError> {
        let state = self.states.get(tenant).cloned().unwrap_or_else(|| Allocation::empty(tenant.clone()));
        Ok(Row::State { state, position: self.position })
    }
}
