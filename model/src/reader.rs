//! Which records of a log count.
//!
//! A record is a claim or a batch. A **claim** counts wherever it stands and its position is the generation from there on.
//! A **batch** counts only if it names the generation in force and is that generation's next ordinal. Every reader
//! applies this rule and skips the rest, so two owners at once, a late retry or a broken pipeline are harmless.

/// Where a reader is: the last record that counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogCursor {
    /// Position of the last record read, counted or not; 0 before the first.
    pub position: u64,
    /// The generation in force; 0 before the first claim.
    pub generation: u64,
    /// The last ordinal of that generation that counted; 0 for the claim itself.
    pub ordinal: u64,
}

/// What a record says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// The first record of an owner.
    Claim,
    /// A batch of outcomes.
    Batch {
        /// The generation its writer owns.
        generation: u64,
        /// Its number in that generation, from 1.
        ordinal: u64,
    },
}

/// Whether a record counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Counts,
    /// It does not; every reader skips it.
    Void,
}

impl LogCursor {
    /// Takes the record at `position` and says whether it counts.
    pub fn admit(&mut self, position: u64, stamp: Stamp) -> Standing {
        self.position = position;
        match stamp {
            Stamp::Claim => {
                self.generation = position;
                self.ordinal = 0;
                Standing::Counts
            }
            Stamp::Batch { generation, ordinal } if generation == self.generation && ordinal == self.ordinal + 1 => {
                self.ordinal = ordinal;
                Standing::Counts
            }
            Stamp::Batch { .. } => Standing::Void,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_makes_its_position_the_generation() {
        let mut cursor = LogCursor::default();
        assert_eq!(cursor.admit(7, Stamp::Claim), Standing::Counts);
        assert_eq!(cursor, LogCursor { position: 7, generation: 7, ordinal: 0 });
    }

    #[test]
    fn repeated_skipped_and_foreign_batches_are_void() {
        let mut cursor = LogCursor::default();
        cursor.admit(1, Stamp::Claim);
        assert_eq!(cursor.admit(2, Stamp::Batch { generation: 1, ordinal: 1 }), Standing::Counts);
        assert_eq!(cursor.admit(3, Stamp::Batch { generation: 1, ordinal: 1 }), Standing::Void, "a repeat");
        assert_eq!(cursor.admit(4, Stamp::Batch { generation: 1, ordinal: 3 }), Standing::Void, "after a hole");
        assert_eq!(cursor.admit(5, Stamp::Batch { generation: 1, ordinal: 2 }), Standing::Counts);
        cursor.admit(6, Stamp::Claim);
        assert_eq!(cursor.admit(7, Stamp::Batch { generation: 1, ordinal: 3 }), Standing::Void, "a zombie's");
        assert_eq!(cursor.admit(8, Stamp::Batch { generation: 6, ordinal: 1 }), Standing::Counts);
    }
}
