use kefu_model::ids::Partition;

use super::*;
use crate::broker::LogKind;

const SETTLE: Duration = Duration::from_millis(700);
const BEAT: Duration = Duration::from_millis(500);

fn log(kind: LogKind, partition: u16) -> LogName {
    LogName { kind, partition: Partition(partition) }
}

/// Of three members named router-1 to router-3 the order is 3, 2, 1.
const LOG: LogName = LogName { kind: LogKind::Chat, partition: Partition(0) };

fn ranks(name: &str, now: Instant) -> Ranks {
    Ranks::new(name.to_owned(), SETTLE, std::iter::once(LOG), now)
}

fn word(holds: &[LogName], leaving: bool) -> Word {
    Word { holds: holds.iter().copied().collect(), leaving }
}

/// Lets time pass in which everybody is heard, the others saying this; stops early when it may begin.
fn pass(ranks: &mut Ranks, now: &mut Instant, time: Duration, others: &[(&str, Word)]) -> bool {
    let until = *now + time;
    while *now < until {
        *now += BEAT;
        ranks.heard_itself(*now);
        for (name, word) in others {
            ranks.heard((*name).to_owned(), word.clone(), false, *now);
        }
        ranks.look(*now);
        if ranks.may_begin(LOG, *now) {
            return true;
        }
    }
    false
}

#[test]
fn whose_logs_they_are_is_the_same_in_every_release() {
    let members = ["router-1", "router-2", "router-3"];
    let first = |log| {
        let first = members.into_iter().max_by_key(|name| weight(name, log)).unwrap();
        first.strip_prefix("router-").unwrap()
    };
    assert_eq!(weight("router-1", LOG), 0x8c09_4f7c_7e95_78ac);
    let chat: Vec<&str> = (0..8).map(|partition| first(log(LogKind::Chat, partition))).collect();
    assert_eq!(chat, ["3", "3", "3", "2", "3", "1", "1", "3"]);
    assert_eq!(first(log(LogKind::Allocation, 0)), "1");
}

#[test]
fn the_first_that_is_there_takes_it() {
    let mut now = Instant::now();
    let mut first = ranks("router-3", now);
    assert!(!first.may_begin(LOG, now), "it listens first");
    assert!(pass(&mut first, &mut now, 2 * BEAT, &[("router-2", word(&[LOG], false))]), "whoever holds it");
    let mut second = ranks("router-2", now);
    let there = [("router-3", word(&[LOG], false)), ("router-1", word(&[], false))];
    assert!(!pass(&mut second, &mut now, 60 * BEAT, &there));
    assert!(pass(&mut second, &mut now, SILENCE + BEAT, &there[1..]), "the first is silent");
    let gone = now;
    let mut second = ranks("router-2", now);
    second.heard("router-3".to_owned(), word(&[LOG], false), false, now);
    now += SETTLE;
    second.look(now);
    assert!(!second.may_begin(LOG, now));
    second.gone("router-3", now);
    assert!(second.may_begin(LOG, now), "it said that it goes");
    assert!(now.duration_since(gone) < SILENCE);
}

#[test]
fn one_who_cannot_take_it_is_passed_over_and_gets_it_back() {
    let began = Instant::now();
    let mut now = began;
    let (mut second, mut third) = (ranks("router-2", now), ranks("router-1", now));
    let idle = |name| (name, word(&[], false));
    assert!(pass(&mut second, &mut now, 20 * BEAT, &[idle("router-3"), idle("router-1")]));
    assert!(now.duration_since(began) >= PASS_AFTER, "{:?}", now.duration_since(began));
    let mut later = began;
    assert!(pass(&mut third, &mut later, 40 * BEAT, &[idle("router-3"), idle("router-2")]));
    assert!(later.duration_since(began) >= 2 * PASS_AFTER, "one more at a time");
    // The second has it: the third leaves it alone, and the second keeps it, though the first is there.
    assert!(!pass(&mut third, &mut later, 40 * BEAT, &[idle("router-3"), ("router-2", word(&[LOG], false))]));
    second.hold(HashSet::from([LOG]), now);
    assert!(pass(&mut second, &mut now, BEAT, &[idle("router-3"), idle("router-1")]));
    // The first gets it back.
    let mut first = ranks("router-3", now);
    let mut back = now;
    assert!(pass(&mut first, &mut back, 4 * BEAT, &[("router-2", word(&[LOG], false))]));
    second.heard("router-3".to_owned(), word(&[LOG], false), false, now);
    assert!(!second.is_entitled(LOG, now));
}

#[test]
fn after_a_pause_it_listens_before_it_takes_anything() {
    let mut now = Instant::now();
    let mut second = ranks("router-2", now);
    let there = [("router-3", word(&[LOG], false))];
    assert!(!pass(&mut second, &mut now, 10 * BEAT, &there));
    now += Duration::from_secs(60);
    second.look(now);
    assert!(!second.may_begin(LOG, now), "it does not even hear itself");
    assert!(!pass(&mut second, &mut now, 20 * BEAT, &there), "the first was there all the time");
    second.missed(now);
    now += SILENCE;
    second.heard_itself(now);
    second.look(now);
    assert!(second.may_begin(LOG, now), "now it is gone");
}

#[test]
fn what_a_leaving_member_holds_is_waited_for_and_what_it_gave_up_is_not() {
    let mut now = Instant::now();
    let mut second = ranks("router-2", now);
    assert!(!pass(&mut second, &mut now, 4 * BEAT, &[("router-3", word(&[LOG], true))]));
    assert!(pass(&mut second, &mut now, BEAT, &[("router-3", word(&[], true))]), "at once, though it is there yet");
    let mut first = ranks("router-3", now);
    assert!(!pass(&mut first, &mut now, 4 * BEAT, &[("router-2", word(&[LOG], true))]), "the first waits too");
}

#[test]
fn two_that_do_not_hear_one_another_are_ordered_by_who_holds_it() {
    let now = Instant::now();
    let (mut first, mut second) = (ranks("router-3", now), ranks("router-2", now));
    for (one, other) in [(&mut first, "router-2"), (&mut second, "router-3")] {
        one.hold(HashSet::from([LOG]), now);
        assert!(one.is_entitled(LOG, now));
        one.heard(other.to_owned(), word(&[LOG], false), false, now);
    }
    assert!(first.is_entitled(LOG, now) && !second.is_entitled(LOG, now));
}

#[test]
fn one_that_the_broker_does_not_know_is_gone_unless_it_was_heard_meanwhile() {
    let mut now = Instant::now();
    let mut second = ranks("router-2", now);
    assert!(!pass(&mut second, &mut now, 4 * BEAT, &[("router-3", word(&[LOG], false))]));
    assert_eq!(second.doubted(now), Vec::<String>::new(), "it was just heard");
    now += DOUBT;
    assert_eq!(second.doubted(now), ["router-3"]);
    assert_eq!(second.doubted(now), Vec::<String>::new(), "once in a while");
    second.heard("router-3".to_owned(), word(&[LOG], false), false, now);
    assert!(!second.unknown("router-3", now));
    assert!(!second.may_begin(LOG, now), "it is there again");
    now += DOUBT;
    assert_eq!(second.doubted(now), ["router-3"]);
    assert!(second.unknown("router-3", now));
    assert!(second.may_begin(LOG, now));
    assert!(DOUBT < SILENCE);
}

#[test]
fn whoever_listens_doubts_nobody() {
    let mut now = Instant::now();
    let mut second = ranks("router-2", now);
    assert!(!pass(&mut second, &mut now, 4 * BEAT, &[("router-3", word(&[LOG], false))]));
    second.missed(now);
    now += DOUBT;
    assert_eq!(second.doubted(now), Vec::<String>::new(), "its broker may not know of others yet");
    assert!(!second.unknown("router-3", now));
    assert!(second.knows("router-3"));
}

#[test]
fn one_that_listens_yet_is_waited_for_only_by_those_who_came_with_it() {
    let mut now = Instant::now();
    let mut second = ranks("router-2", now);
    let listening = |second: &mut Ranks, now: Instant| {
        second.heard_itself(now);
        second.heard("router-3".to_owned(), word(&[], false), true, now);
        second.look(now);
        second.may_begin(LOG, now)
    };
    now += SETTLE;
    assert!(!listening(&mut second, now), "all come now: the first takes it");
    assert!(!pass(&mut second, &mut now, 8 * BEAT, &[("router-3", word(&[LOG], false))]), "it has it");
    assert!(listening(&mut second, now), "whoever comes now is not waited for");
    second.heard("router-3".to_owned(), word(&[], false), false, now);
    assert!(!second.may_begin(LOG, now), "from now on it is the first");
}

#[test]
fn one_that_is_silent_for_long_is_not_asked_any_more() {
    let mut now = Instant::now();
    let mut second = ranks("router-2", now);
    second.heard("router-3".to_owned(), word(&[LOG], false), false, now);
    now += SILENCE;
    assert_eq!(second.doubted(now), Vec::<String>::new());
}
