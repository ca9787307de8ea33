//! The checker: pure functions over what was observed.
//!
//! The truth that observations are compared with is built from the observations themselves ([`reference`]): whatever two
//! of them say differently is a fault, whoever is right.

mod agreement;
mod answers;
mod continuity;
mod density;
mod fault;
mod presence;
mod reference;
mod sessions;
#[cfg(test)]
mod tests;
mod unread;

pub use fault::Fault;
pub use sessions::most_at_once;

use super::observed::Observations;
use reference::Reference;

/// Everything that contradicts the promises G1 to G6.
pub fn check(observed: &Observations) -> Vec<Fault> {
    let reference = Reference::of(observed);
    let mut faults: Vec<_> = observed.complaints.iter().cloned().map(Fault::Complaint).collect();
    answers::check(observed, &mut faults);
    density::check(observed, &reference, &mut faults);
    agreement::check(observed, &reference, &mut faults);
    presence::check(observed, &reference, &mut faults);
    unread::check(observed, &reference, &mut faults);
    sessions::check(observed, &reference, &mut faults);
    if let Some(planned) = &observed.planned {
        continuity::check(planned, &mut faults);
    }
    faults
}
