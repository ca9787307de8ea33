//! Stamps: which of two writes to a row is the later one.

use crate::error::StoreError;

const POSITION_BITS: u32 = 40;
const EPOCH_BITS: u32 = 23;

/// A record's place in its partition's log as one number, `epoch << 40 | position`; it orders all writes to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Stamp(u64);

impl Stamp {
    /// The stamp of the record at `position` of the log's `epoch`.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] from epoch 2^23 or position 2^40 on.
    pub fn new(epoch: u64, position: u64) -> Result<Self, StoreError> {
        if epoch >> EPOCH_BITS != 0 || position >> POSITION_BITS != 0 {
            return Err(StoreError::OutOfRange { epoch, position });
        }
        Ok(Self(epoch << POSITION_BITS | position))
    }

    /// The log's epoch.
    #[must_use]
    pub fn epoch(self) -> u64 {
        self.0 >> POSITION_BITS
    }

    /// The record's position in the log.
    #[must_use]
    pub fn position(self) -> u64 {
        self.0 & ((1 << POSITION_BITS) - 1)
    }

    /// The number itself, below 2^63.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// Reads a number that [`Self::as_u64`] gave.
    pub(crate) fn from_raw(raw: u64) -> Self {
        Self(raw)
    }
}

/// A value with the stamp of the last record that it includes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored<T> {
    /// The value.
    pub value: T,
    /// Of the last record of its partition that touched it; every earlier one is included.
    pub stamp: Stamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_epoch_wins_over_any_position() {
        let old = Stamp::new(1, (1 << 40) - 1).unwrap();
        let new = Stamp::new(2, 0).unwrap();
        assert!(new > old);
        assert_eq!((old.epoch(), old.position()), (1, (1 << 40) - 1));
        assert!(Stamp::new(1, 1 << 40).is_err());
        assert!(Stamp::new(1 << 23, 0).is_err());
    }
}
