use kefu_model::ids::Partition;

use super::*;
use crate::broker::LogKind;

#[test]
fn whose_logs_they_are_is_the_same_in_every_release() {
    let members = ["router-1", "router-2", "router-3"];
    let first = |kind, partition| {
        let log = LogName { kind, partition: Partition(partition) }.to_string();
        let first = members.into_iter().max_by_key(|name| weight(name, &log)).unwrap();
        first.strip_prefix("router-").unwrap()
    };
    assert_eq!(weight("router-1", "chat-0").0, 0x8c09_4f7c_7e95_78ac);
    let chat: Vec<&str> = (0..8).map(|partition| first(LogKind::Chat, partition)).collect();
    assert_eq!(chat, ["3", "3", "3", "2", "3", "1", "1", "3"]);
    assert_eq!(first(LogKind::Allocation, 0), "1");
}
