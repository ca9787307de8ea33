//! Whose address counts: the peer's, or what a trusted proxy says.

use std::net::IpAddr;

use axum::http::HeaderMap;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// Hops of `X-Forwarded-For` that are looked at.
const MAX_HOPS: usize = 16;

/// The client's address: the rightmost one of `X-Forwarded-For` that is no trusted proxy, read only if the peer is one.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut address = canonical(peer);
    if !is_trusted(address) {
        return address;
    }
    let lines: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(',')).take(MAX_HOPS);
    for hop in hops {
        let Some(hop) = parse(hop.trim()) else { return address };
        address = hop;
        if !is_trusted(hop) {
            return hop;
        }
    }
    address
}

fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(canonical(address));
    }
    text.parse::<std::net::SocketAddr>().ok().map(|socket| canonical(socket.ip()))
}

fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        headers
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_stranger_cannot_name_an_address() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let headers = headers(&["1.2.3.4"]);
        assert_eq!(client_address(address("203.0.113.9"), &headers, &trusted), address("203.0.113.9"));
    }

    #[test]
    fn the_rightmost_untrusted_hop_counts() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let spoofed = headers(&["6.6.6.6, 203.0.113.7", "10.1.1.1"]);
        assert_eq!(client_address(address("10.0.0.1"), &spoofed, &trusted), address("203.0.113.7"));
        let mapped = client_address(address("::ffff:10.0.0.1"), &headers(&["203.0.113.7:4711"]), &trusted);
        assert_eq!(mapped, address("203.0.113.7"));
    }

    #[test]
    fn nonsense_falls_back_to_the_last_known_hop() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(client_address(address("10.0.0.1"), &headers(&["unknown"]), &trusted), address("10.0.0.1"));
        assert_eq!(client_address(address("10.0.0.1"), &HeaderMap::new(), &trusted), address("10.0.0.1"));
    }
}
