//! Which of the owner's records count.

use kefu_model::ids::At;
use kefu_model::reader::{Stamp, Standing};

use super::{Counted, CountedEntry, Effect, Lost, Owner};
use crate::engine::batch::Entry;
use crate::engine::domain::Domain;

impl<D: Domain> Owner<D> {
    /// A void record is harmless unless it is one of ours: then the pipeline is broken.
    pub(super) fn check_own_void(&mut self, position: u64) -> Result<(), Lost> {
        match self.pipeline.in_flight.iter().find(|record| record.position == Some(position)) {
            Some(record) => Err(Lost::Void { ordinal: record.ordinal, position }),
            None => Ok(()),
        }
    }

    pub(super) fn confirm_adjacent(&mut self, now: At) -> Result<(), Lost> {
        while let Some((position, ordinal)) =
            self.pipeline.in_flight.front().and_then(|record| Some((record.position?, record.ordinal)))
        {
            if position <= self.cursor.position {
                return Err(Lost::Void { ordinal, position });
            }
            if position > self.cursor.position + 1 {
                return Ok(());
            }
            let generation = self.cursor.generation;
            if self.cursor.admit(position, Stamp::Batch { generation, ordinal }) == Standing::Void {
                return Err(Lost::Void { ordinal, position });
            }
            self.counted = self.cursor;
            self.confirm(position, ordinal, now)?;
        }
        Ok(())
    }

    /// One of our records counts.
    pub(super) fn confirm(&mut self, position: u64, ordinal: u64, now: At) -> Result<(), Lost> {
        let Some(record) = self.pipeline.in_flight.pop_front().filter(|record| record.ordinal == ordinal) else {
            return Err(Lost::Void { ordinal, position });
        };
        let mut entries: Vec<CountedEntry<D>> = Vec::with_capacity(record.entries.len());
        for Entry { id, logged, answers } in record.entries {
            if let Some(hot) = self.hot.get_mut(&id) {
                hot.pending = hot.pending.saturating_sub(1);
                hot.position = position;
                hot.used_at = now;
            }
            entries.push(CountedEntry { id, logged, answers });
        }
        self.tail.push(position, entries.iter().map(|entry| (entry.id.clone(), entry.logged.clone())));
        self.part.set(self.tail.memory_bytes());
        self.effects.push(Effect::Counted(Counted { position, entries, answers: record.answers }));
        Ok(())
    }
}
