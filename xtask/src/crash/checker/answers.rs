//! Every command is answered, always alike, in the sender's order, each with numbers of its own.

use std::collections::HashMap;

use super::fault::{Fault, named};
use crate::crash::observed::{Command, Observations};

pub fn check(observed: &Observations, faults: &mut Vec<Fault>) {
    for command in &observed.commands {
        check_one(command, faults);
    }
    check_numbers(&observed.commands, faults);
    check_order(&observed.commands, faults);
}

fn check_one(command: &Command, faults: &mut Vec<Fault>) {
    let Some((first, others)) = command.answers.split_first() else {
        faults.push(Fault::Unanswered { command: named(command) });
        return;
    };
    if let Some(other) = others.iter().find(|other| *other != first) {
        faults.push(Fault::AnswersDiffer { command: named(command), first: *first, other: *other });
    }
}

fn check_numbers(commands: &[Command], faults: &mut Vec<Fault>) {
    let mut holders: HashMap<(&str, u64), &Command> = HashMap::new();
    for command in commands.iter().filter(|command| command.wanted.text().is_some()) {
        let Some((rev, _)) = command.accepted() else { continue };
        if let Some(holder) = holders.insert((&command.conversation, rev), command) {
            faults.push(Fault::SharedNumber { one: named(holder), other: named(command) });
        }
    }
}

fn check_order(commands: &[Command], faults: &mut Vec<Fault>) {
    let mut lanes: HashMap<(&str, &str), Vec<&Command>> = HashMap::new();
    for command in commands.iter().filter(|command| command.accepted().is_some()) {
        lanes.entry((&command.conversation, &command.lane)).or_default().push(command);
    }
    for lane in lanes.values_mut() {
        lane.sort_by_key(|command| command.order);
        let swapped = lane.windows(2).filter(|pair| pair[1].accepted() < pair[0].accepted());
        faults.extend(swapped.map(|pair| Fault::OutOfOrder { earlier: named(pair[0]), later: named(pair[1]) }));
    }
}
