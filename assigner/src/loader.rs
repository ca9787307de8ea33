//! Loads allocation states: all tenants of a partition stand in its checkpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use kefu_model::allocation::{Allocation, ReadPosition};
use kefu_model::{Partition, TenantId};
use kefu_nats::codec;
use kefu_nats::engine::{LoadError, Loader, Row, Want};
use kefu_store::Checkpoint;

use crate::domain::Allocations;

/// The states of the checkpoint that the owner started from.
#[derive(Default)]
pub(crate) struct AllocationLoader {
    states: BTreeMap<TenantId, Allocation>,
    observed: BTreeMap<Partition, ReadPosition>,
    position: u64,
}

impl AllocationLoader {
    pub(crate) fn read(checkpoint: Option<&Checkpoint>) -> Result<Arc<Self>, LoadError> {
        let Some(checkpoint) = checkpoint else { return Ok(Arc::default()) };
        let kept = codec::decode_allocation_checkpoint(&checkpoint.state);
        let kept = kept.map_err(|error| LoadError::Failed(error.into()))?;
        let states = kept.states.into_iter().map(|state| (state.tenant.clone(), state)).collect();
        Ok(Arc::new(Self { states, observed: kept.observed, position: checkpoint.position }))
    }

    /// How far conversations' logs were read for all tenants.
    pub(crate) fn observed(&self) -> &BTreeMap<Partition, ReadPosition> {
        &self.observed
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
