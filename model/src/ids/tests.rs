use proptest::prelude::*;

use super::*;

fn tenant(text: &str) -> TenantId {
    TenantId::new(text).unwrap()
}

fn user_id(text: &str) -> UserId {
    UserId::new(text).unwrap()
}

#[test]
fn texts_outside_the_limits_are_refused() {
    assert_eq!(TenantId::new(""), Err(IdError::Empty));
    assert_eq!(TenantId::new(&"t".repeat(65)), Err(IdError::TooLong(64)));
    assert!(TenantId::new(&"t".repeat(64)).is_ok());
    assert_eq!(UserId::new(&"客".repeat(22)), Err(IdError::TooLong(64)), "the limit is in bytes");
    assert!(UserId::new(&"客".repeat(21)).is_ok());
    assert_eq!(Name::new(&"n".repeat(129)), Err(IdError::TooLong(128)));
    assert_eq!(CommandKey::new(&"k".repeat(129)), Err(IdError::TooLong(128)));
}

#[test]
fn each_kind_of_id_has_its_characters() {
    for text in ["a b", "a.b", "ä", "a/b", "a*", "a>"] {
        assert_eq!(TenantId::new(text), Err(IdError::Character), "{text}");
        assert_eq!(DeviceId::new(text), Err(IdError::Character), "{text}");
    }
    assert!(TenantId::new("Acme_1-x").is_ok());
    for text in ["a b", "a/b", "a\n", "\u{3000}", "\u{7f}"] {
        assert_eq!(UserId::new(text), Err(IdError::Character), "{text:?}");
    }
    assert!(UserId::new("张三@example.com").is_ok());
    assert_eq!(Name::new("a\tb"), Err(IdError::Character));
    assert!(Name::new("王 小明 / sales").is_ok());
    assert_eq!(CommandKey::new("a\0"), Err(IdError::Character));
    assert!(CommandKey::new("order 17, 再次").is_ok());
}

#[test]
fn names_on_the_wire_are_read_back() {
    for kind in [UserKind::Agent, UserKind::Customer] {
        assert_eq!(UserKind::parse(kind.as_str()), Some(kind));
    }
    for role in [Role::Customer, Role::Agent, Role::Supervisor, Role::Admin] {
        assert_eq!(Role::parse(role.as_str()), Some(role));
    }
    assert_eq!(UserKind::parse("agent"), None);
    assert_eq!(Role::parse("Admin"), None);
    let oversee: Vec<bool> =
        [Role::Customer, Role::Agent, Role::Supervisor, Role::Admin].into_iter().map(Role::oversees).collect();
    assert_eq!(oversee, [false, false, true, true]);
}

#[test]
fn computed_ids_and_partitions_have_known_values() {
    let default = tenant("default");
    let support = ConversationId::support(&default, &user_id("visitor-1"));
    assert_eq!(support.to_string(), "s2pQMpdbFEzTnXupWgwgoLQ");
    assert_eq!(partition_of(&default, support, 16), Partition(2));
    assert_eq!(partition_of(&default, support, 7), Partition(5));
    let direct = ConversationId::direct(&default, &User::agent(user_id("alice")), &User::agent(user_id("bob")));
    assert_eq!(direct.to_string(), "dfAO1oZh6rzb5YveT4GvEsA");
    assert_eq!(allocation_partition_of(&default, 16), Partition(15));
    let mut bits = [0; 16];
    bits.iter_mut().zip(0..).for_each(|(bit, number)| *bit = number);
    let room = ConversationId::room(bits);
    assert_eq!(room.to_string(), "rAAECAwQFBgcICQoLDA0ODw");
    assert_eq!(partition_of(&tenant("t"), room, 16), Partition(6));
}

#[test]
fn one_partition_or_none_is_partition_zero() {
    let id = ConversationId::room([7; 16]);
    assert_eq!(partition_of(&tenant("t"), id, 1), Partition(0));
    assert_eq!(partition_of(&tenant("t"), id, 0), Partition(0));
}

#[test]
fn a_customer_never_meets_an_agent_or_another_tenant() {
    let (a, b) = (tenant("a"), tenant("b"));
    let id = user_id("x");
    assert_ne!(ConversationId::support(&a, &id), ConversationId::support(&b, &id));
    let other = User::agent(user_id("y"));
    assert_ne!(
        ConversationId::direct(&a, &User::agent(id.clone()), &other),
        ConversationId::direct(&a, &User::customer(id), &other)
    );
}

#[test]
fn parts_are_prefixed_by_their_length() {
    let joined = ConversationId::support(&tenant("ab"), &user_id("c"));
    assert_ne!(joined, ConversationId::support(&tenant("a"), &user_id("bc")));
}

#[test]
fn foreign_forms_are_refused() {
    let good = ConversationId::room([9; 16]).to_string();
    assert!(ConversationId::parse(&good).is_ok());
    let too_short = &good[..22];
    let (longer, other_kind, not_base64) = (format!("{good}A"), good.replacen('r', "x", 1), good.replacen('C', "+", 1));
    for text in ["", "r", too_short, &longer, &other_kind, &not_base64, "r客客客客客客客A"] {
        assert_eq!(ConversationId::parse(text), Err(IdError::Form), "{text}");
    }
    assert_eq!(ConversationId::from_bytes(&[]), Err(IdError::Form));
    assert_eq!(ConversationId::from_bytes(&[b's'; 16]), Err(IdError::Form));
    assert_eq!(MessageId::parse(""), Err(IdError::Form));
    assert_eq!(MessageId::parse(&"A".repeat(65)), Err(IdError::Form));
    assert_eq!(MessageId::parse(&good), Err(IdError::Form));
}

#[test]
fn a_moment_before_is_no_time_ago() {
    assert_eq!(At(5).millis_since(At(9)), 0);
    assert_eq!(At(9).millis_since(At(5)), 4);
}

fn any_conversation() -> impl Strategy<Value = ConversationId> {
    (0_usize..3, any::<[u8; 16]>()).prop_map(|(kind, bits)| {
        let mut bytes = vec![b"sdr"[kind]];
        bytes.extend(bits);
        ConversationId::from_bytes(&bytes).unwrap()
    })
}

proptest! {
    #[test]
    fn conversation_ids_are_read_back(id in any_conversation()) {
        prop_assert_eq!(ConversationId::parse(&id.to_string()), Ok(id));
        prop_assert_eq!(ConversationId::from_bytes(&id.to_bytes()), Ok(id));
        prop_assert_eq!(id.to_string().len(), ConversationId::TEXT_BYTES);
    }

    #[test]
    fn message_ids_are_read_back(conversation in any_conversation(), seq in any::<u64>()) {
        let id = MessageId { conversation, seq };
        prop_assert_eq!(MessageId::parse(&id.to_string()), Ok(id));
    }

    #[test]
    fn direct_ids_do_not_depend_on_the_order(a in "[a-z]{1,8}", b in "[a-z]{1,8}", kinds in any::<(bool, bool)>()) {
        let user = |text: &str, agent| if agent { User::agent(user_id(text)) } else { User::customer(user_id(text)) };
        let (a, b) = (user(&a, kinds.0), user(&b, kinds.1));
        let t = tenant("t");
        prop_assert_eq!(ConversationId::direct(&t, &a, &b), ConversationId::direct(&t, &b, &a));
    }

    #[test]
    fn partitions_stay_in_range(id in any_conversation(), count in 1_u16..) {
        prop_assert!(partition_of(&tenant("t"), id, count).0 < count);
    }

    #[test]
    fn any_text_is_an_id_or_an_error(text in "\\PC{0,80}") {
        if let Ok(id) = UserId::new(&text) {
            prop_assert_eq!(id.as_str(), &text);
        }
        let _ = ConversationId::parse(&text);
        let _ = MessageId::parse(&text);
    }
}
