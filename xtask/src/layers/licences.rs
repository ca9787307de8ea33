//! Licences.

use spdx::{Expression, LicenseReq, Licensee, ParseMode};

use super::graph::{Graph, Package};
use super::rules::Licences;

/// Packages whose licence is not an allowed one, in words.
pub fn refused(graph: &Graph, licences: &Licences) -> Vec<String> {
    let exceptions = licences.exceptions.iter().flat_map(|exception| &exception.allow);
    let mut faults: Vec<_> = licences.allow.iter().chain(exceptions).filter_map(|name| unknown(name)).collect();
    faults.extend(graph.packages.iter().filter_map(|package| refusal(package, licences)));
    faults
}

fn unknown(licence: &str) -> Option<String> {
    Licensee::parse(licence).err().map(|_| format!("deny.toml allows {licence}, which is no SPDX licence"))
}

fn refusal(package: &Package, licences: &Licences) -> Option<String> {
    let Package { name, version, .. } = package;
    let Some(licence) = &package.licence else {
        return Some(format!("{name} {version} names no licence"));
    };
    let Ok(expression) = Expression::parse_mode(licence, ParseMode::LAX) else {
        return Some(format!("{name} {version}: {licence:?} is no SPDX expression"));
    };
    let own = licences.exceptions.iter().filter(|exception| exception.name == *name);
    let allowed = licences.allow.iter().chain(own.flat_map(|exception| &exception.allow));
    let allowed: Vec<_> = allowed.filter_map(|name| Licensee::parse(name).ok()).collect();
    let is_allowed = |wanted: &LicenseReq| allowed.iter().any(|licensee| licensee.satisfies(wanted));
    (!expression.evaluate(is_allowed))
        .then(|| format!("{name} {version} is under {licence}, which deny.toml does not allow"))
}
