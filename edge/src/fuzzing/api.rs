//! The HTTP API of an edge whose owners never answer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use kefu_files::Files;
use kefu_live::Live;
use kefu_model::allocation::{AllocationAnswer, AllocationCommand};
use kefu_model::command::Answer;
use kefu_model::{Command, Conversation, ConversationId, Name, Refusal, Role, TenantId};
use kefu_nats::link::{AttachRequest, LinkStatus, OnAnswer};
use kefu_nats::notice::Notice;
use kefu_nats::transport::TransportError;
use kefu_nats::view::{AllocationView, Snapshot};
use kefu_store::Store;
use serde_json::Value;
use tokio::sync::mpsc;
use tower::ServiceExt;

use crate::assets::{Asset, Assets};
use crate::directory::{NewAgent, PasswordRule, create_agent};
use crate::edge::{EdgeInfo, Parts, assemble};
use crate::rest;
use crate::upstream::Upstream;

/// Most bytes of an answer.
const ANSWER_BYTES: usize = 4 << 20;
/// Statuses that only doubles cause: their owners never answer.
const NOBODY_ANSWERS: [u16; 2] = [503, 504];

/// A call.
pub struct Call<'a> {
    /// The operation, by its place in the description.
    pub operation: usize,
    /// Whose credential it carries.
    pub who: u8,
    /// What stands for the parts of the path, then the query.
    pub address: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// The API.
pub struct Api {
    router: Router,
    operations: Vec<(String, String)>,
    tokens: Vec<Option<String>>,
    _notices: mpsc::Receiver<Notice>,
}

impl Api {
    /// An edge around these seams. A visitor and an admin have credentials there.
    ///
    /// # Panics
    /// When the seams do not do what they promise.
    pub async fn new(store: Arc<dyn Store>, live: Arc<dyn Live>) -> Self {
        let prometheus = prometheus::Registry::new();
        let parts = Parts {
            store: Arc::clone(&store),
            live,
            files: Files::in_memory(),
            assets: Arc::new(Bare),
            prometheus,
            info: EdgeInfo::default(),
        };
        let (services, notices) =
            assemble(super::config(), parts, Arc::new(Deaf), b"a secret of the deployment").expect("an edge");
        let caller = super::admission().caller;
        let visitor = services.auth.visitors.issue(&caller.tenant, &caller.user.id, None, crate::clock::now());
        let agent = NewAgent {
            tenant: caller.tenant,
            username: "admin".to_owned(),
            name: Name::new("Admin").expect("a name"),
            role: Role::Admin,
            capacity: 5,
        };
        let agent = create_agent(&store, agent, "correct horse", PasswordRule::Checked).await.expect("an agent");
        let login = services.auth.log_in(&agent, true, "").await.expect("a login");
        let tokens = vec![None, Some("x.y.z".to_owned()), Some(visitor.expect("a token").0), Some(login.token)];
        Self { router: rest::router(&services), operations: operations(), tokens, _notices: notices }
    }

    /// Makes a call.
    ///
    /// # Panics
    /// When the answer is an internal error, or a refusal that is no problem.
    pub async fn call(&self, call: Call<'_>) {
        let (method, path) = &self.operations[call.operation % self.operations.len()];
        let mut request = Request::builder().method(method.as_str()).uri(filled(path, call.address));
        if let Some(token) = &self.tokens[usize::from(call.who) % self.tokens.len()] {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !call.body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        // An address that is none never reaches a router.
        let Ok(request) = request.body(Body::from(call.body.to_vec())) else { return };
        let Ok(response) = self.router.clone().oneshot(request).await;
        let status = response.status().as_u16();
        assert!(status < 500 || NOBODY_ANSWERS.contains(&status), "{method} {path}: {status}");
        if status < 400 {
            return;
        }
        let body = to_bytes(response.into_body(), ANSWER_BYTES).await.expect("an answer");
        let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
        let is_ready = path == "/api/system/health";
        assert!(is_ready || problem["code"].is_u64(), "{method} {path}: {status} {problem}");
    }
}

/// Every operation of the description, and what a description cannot say.
fn operations() -> Vec<(String, String)> {
    let api: Value = serde_json::from_str(&rest::openapi()).expect("the description");
    let mut operations = vec![("GET".to_owned(), "/ws/{x}".to_owned()), ("GET".to_owned(), "/{x}".to_owned())];
    for (path, methods) in api["paths"].as_object().expect("paths") {
        let methods = methods.as_object().expect("methods").iter().filter(|(_, value)| value["responses"].is_object());
        operations.extend(methods.map(|(method, _)| (method.to_uppercase(), path.clone())));
    }
    operations
}

/// A path with its part taken from the address up to `?`, and the rest as the query.
fn filled(path: &str, address: &str) -> String {
    let (part, query) = address.split_once('?').unwrap_or((address, ""));
    let path = match (path.find('{'), path.find('}')) {
        (Some(from), Some(to)) => format!("{}{part}{}", &path[..from], &path[to + 1..]),
        _ => path.to_owned(),
    };
    format!("{path}?{query}")
}

/// Owners who never answer.
struct Deaf;

#[async_trait]
impl Upstream for Deaf {
    fn submit(&self, _: &Command, _: OnAnswer) {}

    async fn ask(&self, _: &Command, _: Duration) -> Answer {
        Answer::refused(Refusal::NoAnswer)
    }

    fn attach(&self, _: Vec<AttachRequest>) {}

    fn detach(&self, _: &TenantId, _: ConversationId) {}

    async fn snapshot(&self, tenant: &TenantId, conversation: ConversationId) -> Result<Arc<Snapshot>, Refusal> {
        Ok(Arc::new(Snapshot { epoch: 1, conversation: Conversation::absent(tenant.clone(), conversation) }))
    }

    async fn allocation(&self, _: &TenantId, _: &AllocationCommand) -> AllocationAnswer {
        AllocationAnswer::Refused(Refusal::NoAnswer)
    }

    async fn allocation_view(&self, _: &TenantId) -> Result<AllocationView, Refusal> {
        Ok(AllocationView::default())
    }

    async fn notify(&self, _: &Notice) {}

    fn status(&self) -> LinkStatus {
        LinkStatus { connected: true, owned: 1, logs: 1, archive_lag_records: 0, trouble: None }
    }

    fn key(&self) -> &str {
        "0123456789abcdef"
    }

    async fn relay(&self, _: &str, _: Bytes) -> Result<Bytes, TransportError> {
        Err(TransportError::NoResponder { subject: "nobody".to_owned() })
    }
}

/// No pages.
struct Bare;

impl Assets for Bare {
    fn get(&self, _: &str) -> Option<Asset> {
        None
    }
}
