//! Which partition a row is in: arithmetic, without a look at the database.

use kefu_model::ConversationId;

use crate::limits::BUCKET_BITS;

/// Milliseconds of a day.
pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Days in a bucket of an agent's sessions. An agent has fewer than the tenant.
const AGENT_BUCKET_DAYS: u64 = 32;
/// Partitions of a tenant's open sessions.
pub(super) const OPEN_SHARDS: i16 = 32;
/// Partitions of a tenant's rollups of a day.
pub(super) const ROLLUP_SHARDS: i16 = 4;

/// The bucket of a message, and of the items that follow it.
pub(super) fn of_seq(seq: u64) -> u64 {
    seq >> BUCKET_BITS
}

/// Whether the next message is in the next bucket.
pub(super) fn is_last(seq: u64) -> bool {
    of_seq(seq) != of_seq(seq.saturating_add(1))
}

/// The day of a time.
pub(super) fn day(at_ms: u64) -> u64 {
    at_ms / DAY_MS
}

/// The bucket of a session in the tenant's list (no agent) or an agent's.
pub(super) fn of_session(agent: &str, opened_at_ms: u64) -> u64 {
    let days = if agent.is_empty() { 1 } else { AGENT_BUCKET_DAYS };
    day(opened_at_ms) / days * days
}

/// The shard of a conversation's open session. The bytes of an id are as good as random.
pub(super) fn open_shard(conversation: ConversationId) -> i16 {
    let sum =
        conversation.to_bytes().iter().fold(0u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(u16::from(*byte)));
    (sum % OPEN_SHARDS.unsigned_abs()).cast_signed()
}

/// The shard of a partition's rollups.
pub(super) fn rollup_shard(partition: u16) -> i16 {
    (partition % ROLLUP_SHARDS.unsigned_abs()).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_of_messages_have_no_holes() {
        assert_eq!((of_seq(0), of_seq(2_047), of_seq(2_048)), (0, 0, 1));
        assert!(is_last(2_047) && is_last(4_095));
        assert!(!is_last(0) && !is_last(2_046) && !is_last(2_048));
        for seq in 0..10_000 {
            let step = of_seq(seq + 1) - of_seq(seq);
            assert_eq!(step, u64::from(is_last(seq)));
        }
    }

    #[test]
    fn buckets_of_sessions_contain_their_time() {
        for at in [0, DAY_MS - 1, DAY_MS, 31 * DAY_MS, 32 * DAY_MS, 20_000 * DAY_MS + 5] {
            assert_eq!(of_session("", at), at / DAY_MS);
            let month = of_session("a", at);
            assert!(month * DAY_MS <= at && at < (month + AGENT_BUCKET_DAYS) * DAY_MS);
        }
    }

    #[test]
    fn open_sessions_are_spread() {
        let mut rows = [0u32; OPEN_SHARDS as usize];
        for number in 0..32_000u32 {
            let mut bits = [0; 16];
            bits[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_le_bytes());
            rows[usize::try_from(open_shard(ConversationId::room(bits))).unwrap()] += 1;
        }
        assert!(rows.iter().all(|count| (500..2_000).contains(count)), "{rows:?}");
    }
}
