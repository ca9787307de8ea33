//! Where connections come from.

use std::net::Ipv4Addr;

/// Connections of one source address: fewer than the server takes from one unless told otherwise, and far fewer than
/// an address has ports.
const PER_ADDRESS: usize = 500;
/// Addresses used of each /24.
const PER_NETWORK: usize = 250;

/// The loopback address from which the n-th connection comes: 127.0.0.2, 127.0.0.3 and so on, never 127.0.0.1.
pub fn source(n: usize) -> Ipv4Addr {
    let address = n / PER_ADDRESS;
    let network = (address / PER_NETWORK % 256) as u8;
    Ipv4Addr::new(127, 0, network, (2 + address % PER_NETWORK) as u8)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn addresses_are_shared_by_a_few_hundred_each() {
        let mut used: HashMap<Ipv4Addr, usize> = HashMap::new();
        for n in 0..200_000 {
            *used.entry(source(n)).or_default() += 1;
        }
        assert!(used.values().all(|connections| *connections <= PER_ADDRESS));
        assert!(used.keys().all(|address| address.is_loopback() && *address != Ipv4Addr::LOCALHOST));
        assert!(used.keys().all(|address| !matches!(address.octets()[3], 0 | 255)));
    }
}
