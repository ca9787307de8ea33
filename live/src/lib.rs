//! What is true right now: presence leases, the registry of connections, rate limits, caches.
