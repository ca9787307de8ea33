//! Settings of the edge.

use std::time::Duration;

use ipnet::IpNet;
use kefu_model::TenantId;
use secrecy::SecretString;

/// A tenant as the edge has to know it.
#[derive(Debug, Clone)]
pub struct TenantConfig {
    /// The tenant.
    pub tenant: TenantId,
    /// What a page names to say which tenant its visitors belong to.
    pub site_key: String,
    /// Verifies the JWT (HS256) with which a host site signs its users; none refuses such tokens. At least 32 bytes.
    pub identity_secret: Option<SecretString>,
    /// The `aud` that such a JWT must carry.
    pub identity_audience: String,
}

/// Settings of the edge. Each limit says what happens beyond it.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// Name of this edge, unique in the deployment while it runs.
    pub node: String,
    /// The address of this deployment as browsers see it, e.g. `https://chat.example.org`. Its origin may open sockets.
    pub public_url: Option<String>,
    /// Further origins that may open sockets and call the API across origins, e.g. `https://shop.example.org`.
    pub allowed_origins: Vec<String>,
    /// Origins whose pages may show ours in a frame; `'self'` is always among them.
    pub frame_ancestors: Vec<String>,
    /// Proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// The tenants.
    pub tenants: Vec<TenantConfig>,

    /// Most bytes of one WebSocket message or of the frames of one POST. Beyond: close 4302, or HTTP 413.
    pub frame_bytes: usize,
    /// Most fragments of one WebSocket message. Beyond: close 4302.
    pub message_fragments: usize,
    /// Most frames in one array. Beyond: error 3005, none of them is taken.
    pub batch_frames: usize,
    /// Most items of an `attach` or `detach`. Beyond: error 3005.
    pub attach_items: usize,
    /// Most conversations that one connection follows. Beyond: those items are answered with 1401.
    pub followed_per_connection: usize,
    /// Frames a second that one connection may send for long; faster ones are read more slowly (POST: HTTP 429).
    pub frames_per_second: u32,
    /// Frames that it may send at once.
    pub frames_burst: u32,
    /// Unanswered commands per connection and conversation. Beyond: rejected with 1004.
    pub in_flight: usize,
    /// Unanswered commands per connection. Beyond: rejected with 1401.
    pub in_flight_total: usize,
    /// Protocol errors after which a connection is closed with 4301.
    pub protocol_errors: u32,

    /// Frames queued to one connection. Beyond: close 4002.
    pub outgoing_frames: usize,
    /// Bytes queued to one connection. Beyond: close 4002.
    pub outgoing_bytes: usize,
    /// How long a peer may take nothing of what is written before it is cut off, in milliseconds.
    pub write_timeout_ms: u64,
    /// How long a connection may take to say `hello`, in milliseconds. Beyond: close 4303.
    pub hello_timeout_ms: u64,
    /// Silence after which a connection is dead, in milliseconds. Beyond: close 4001.
    pub silence_ms: u64,
    /// How often a client should send something, in seconds; told in `welcome`.
    pub heartbeat_s: u64,
    /// How often a comment keeps proxies of an SSE stream awake, in milliseconds.
    pub sse_comment_ms: u64,

    /// Sockets and streams of this edge. Beyond: HTTP 503 with code 4102.
    pub connections: usize,
    /// Sockets and streams of one user at this edge. Beyond: close 4304.
    pub connections_per_user: usize,
    /// Sockets and streams of one address at this edge. Beyond: HTTP 429 with code 4304.
    pub connections_per_address: usize,
    /// TCP connections of this edge, upgraded or not. Beyond: they wait in the backlog.
    pub tcp_connections: usize,
    /// How long the headers of a request may take, in milliseconds.
    pub header_timeout_ms: u64,
    /// How long a request may take in all, in milliseconds; streams and sockets excepted. Beyond: HTTP 503.
    pub request_timeout_ms: u64,
    /// Most bytes of a request's body. Beyond: HTTP 413.
    pub body_bytes: usize,
    /// Calls of the API per address and minute. Beyond: HTTP 429.
    pub requests_per_address_minute: u32,
    /// Calls of the API per user and minute. Beyond: HTTP 429.
    pub requests_per_user_minute: u32,
    /// Visitor sessions per address and minute. Beyond: HTTP 429.
    pub visitors_per_address_minute: u32,
    /// Logins tried per address and minute. Beyond: HTTP 429.
    pub logins_per_address_minute: u32,

    /// Failed logins of a user name from an address that lock it out.
    pub login_failures: u32,
    /// Failures are forgotten this long after the last one, in milliseconds.
    pub login_failures_window_ms: u64,
    /// How long a lock-out lasts, in milliseconds.
    pub login_lock_ms: u64,
    /// How long a login lives without being used, in milliseconds.
    pub login_ttl_ms: u64,
    /// The same with "remember me", in milliseconds.
    pub login_remember_ttl_ms: u64,
    /// How long a visitor's token lives, in milliseconds.
    pub visitor_ttl_ms: u64,
    /// Age from which a visitor's token is renewed, in milliseconds.
    pub visitor_renew_ms: u64,
    /// Passwords that are hashed or verified at a time.
    pub password_jobs: usize,
    /// How long one may wait for its turn, in milliseconds. Beyond: HTTP 503.
    pub password_wait_ms: u64,
    /// Capacity of an agent who is created without one.
    pub default_capacity: u16,

    /// How long REST waits for a command's outcome, in milliseconds. Beyond: HTTP 202.
    pub outcome_wait_ms: u64,
    /// How long an agent's lease holds, in milliseconds; it is renewed at a third of it.
    pub presence_ttl_ms: u64,
    /// How long an agent without a connection still counts as here, so that a page reload is no absence, in milliseconds.
    pub presence_linger_ms: u64,
    /// How long a customer without a connection still counts as online, so that a page reload tells nobody anything, in
    /// milliseconds.
    pub customer_linger_ms: u64,
    /// How long a heartbeat by REST keeps an agent here, in milliseconds.
    pub heartbeat_ttl_ms: u64,
    /// How long a conversation is followed after its last subscriber went, in milliseconds.
    pub follow_linger_ms: u64,
    /// Outcomes kept for a client whose attach is not answered yet. Beyond: it is told `recovered: false`.
    pub attach_backlog: usize,
    /// How long it serves as before once it says that it is not ready, so that balancers look and send nobody any more, in
    /// milliseconds. Zero where there is no other edge.
    pub drain_notice_ms: u64,
    /// Over which time at most `goaway` frames are spread when the edge stops, in milliseconds.
    pub drain_ms: u64,
    /// How long a client told to go may stay, in milliseconds.
    pub drain_linger_ms: u64,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        let minute = 60_000;
        let day = 24 * 60 * minute;
        Self {
            node: "edge".to_owned(),
            public_url: None,
            allowed_origins: Vec::new(),
            frame_ancestors: Vec::new(),
            trusted_proxies: Vec::new(),
            tenants: Vec::new(),
            frame_bytes: 64 * 1024,
            message_fragments: 64,
            batch_frames: 64,
            attach_items: 200,
            followed_per_connection: 2_000,
            frames_per_second: 200,
            frames_burst: 400,
            in_flight: kefu_model::limits::DEVICE_WINDOW,
            in_flight_total: 1_024,
            protocol_errors: 16,
            outgoing_frames: 4_096,
            outgoing_bytes: 4 * 1024 * 1024,
            write_timeout_ms: 15_000,
            hello_timeout_ms: 10_000,
            silence_ms: minute,
            heartbeat_s: 30,
            sse_comment_ms: 15_000,
            connections: 100_000,
            connections_per_user: 64,
            connections_per_address: 1_000,
            tcp_connections: 110_000,
            header_timeout_ms: 10_000,
            request_timeout_ms: 30_000,
            body_bytes: 256 * 1024,
            requests_per_address_minute: 3_000,
            requests_per_user_minute: 1_200,
            visitors_per_address_minute: 120,
            logins_per_address_minute: 30,
            login_failures: 5,
            login_failures_window_ms: 15 * minute,
            login_lock_ms: 5 * minute,
            login_ttl_ms: 60 * minute,
            login_remember_ttl_ms: 30 * day,
            visitor_ttl_ms: 180 * day,
            visitor_renew_ms: day,
            password_jobs: 2,
            password_wait_ms: 5_000,
            default_capacity: 5,
            outcome_wait_ms: 2_000,
            presence_ttl_ms: u64::try_from(kefu_live::limits::LEASE.as_millis()).unwrap_or(u64::MAX),
            presence_linger_ms: 5_000,
            customer_linger_ms: 5_000,
            heartbeat_ttl_ms: minute,
            follow_linger_ms: 10_000,
            attach_backlog: 4_096,
            drain_notice_ms: 0,
            drain_ms: 5_000,
            drain_linger_ms: 2_000,
        }
    }
}

impl EdgeConfig {
    /// The tenant that a site key names; with no key the only one.
    pub(crate) fn tenant_of_site(&self, site_key: Option<&str>) -> Option<&TenantConfig> {
        match (site_key, self.tenants.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => self.tenants.iter().find(|tenant| tenant.site_key == "default"),
            (Some(key), tenants) => tenants.iter().find(|tenant| tenant.site_key == key),
        }
    }

    /// Origins that may open sockets.
    pub(crate) fn origin_allowed(&self, origin: &str) -> bool {
        let own = self.public_url.as_deref().map(origin_of);
        own.is_some_and(|own| own.eq_ignore_ascii_case(origin))
            || self.allowed_origins.iter().any(|allowed| allowed.trim_end_matches('/').eq_ignore_ascii_case(origin))
    }
}

/// A count of milliseconds as a duration.
pub(crate) fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Scheme, host and port of a URL: what a browser sends as `Origin`.
fn origin_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    &url[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins_are_allowed() {
        let config = EdgeConfig {
            public_url: Some("https://chat.example.org/kefu".to_owned()),
            allowed_origins: vec!["https://shop.example.org/".to_owned()],
            ..EdgeConfig::default()
        };
        assert!(config.origin_allowed("https://chat.example.org"));
        assert!(config.origin_allowed("https://SHOP.example.org"));
        assert!(!config.origin_allowed("https://chat.example.org.evil.example"));
        assert!(!config.origin_allowed("http://chat.example.org"));
        assert!(!config.origin_allowed("null"));
    }
}
