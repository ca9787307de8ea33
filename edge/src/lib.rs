//! The edge: WebSockets, SSE, REST and OpenAPI.
