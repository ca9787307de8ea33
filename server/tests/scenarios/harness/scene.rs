//! A deployment with people.

use std::io::Write as _;
use std::path::PathBuf;

use kefu_nats::testing::NatsServer;
use serde_json::{Value, json};

use super::api::Api;
use super::cluster::{self, Tenant};
use super::kefu::Kefu;
use crate::client::{Client, Protocol};

/// What the log is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broker {
    Embedded,
    Nats,
    /// In NATS with three replicas; every role in processes of its own.
    Cluster,
}

/// Where a scenario plays.
pub enum Place {
    /// In a process of its own.
    Own(Box<Kefu>),
    /// In the cluster that all share.
    Shared(Tenant),
    /// In the same cluster, at an edge of its own.
    Edge(Box<Kefu>, Tenant),
}

impl Place {
    /// Host and port.
    pub fn address(&self) -> String {
        match self {
            Self::Own(kefu) | Self::Edge(kefu, _) => kefu.address(),
            Self::Shared(tenant) => tenant.address.clone(),
        }
    }

    /// Host and port of any edge, which another one than its own may be.
    pub fn anywhere(&self) -> String {
        match self {
            Self::Edge(_, tenant) => tenant.address.clone(),
            _ => self.address(),
        }
    }

    /// The process, or the edge.
    ///
    /// # Panics
    /// Where it has none of its own.
    pub fn own(&self) -> &Kefu {
        match self {
            Self::Own(kefu) | Self::Edge(kefu, _) => kefu,
            Self::Shared(_) => panic!("this scenario needs a process of its own"),
        }
    }

    /// The process or the edge, to be harmed.
    ///
    /// # Panics
    /// Where it has none of its own.
    pub fn own_mut(&mut self) -> &mut Kefu {
        match self {
            Self::Own(kefu) | Self::Edge(kefu, _) => kefu,
            Self::Shared(_) => panic!("this scenario needs a process of its own"),
        }
    }

    /// What was printed.
    pub fn output(&self) -> String {
        match self {
            Self::Own(kefu) => kefu.output(),
            Self::Shared(_) => cluster::output(),
            Self::Edge(kefu, _) => kefu.output() + &cluster::output(),
        }
    }

    /// Calls without a credential.
    fn api(&self) -> Api {
        let api = Api::new(&format!("http://{}", self.address()));
        match self {
            Self::Own(_) => api,
            Self::Shared(tenant) | Self::Edge(_, tenant) => api.of_site(&tenant.id),
        }
    }
}

/// A running deployment, and its first admin.
pub struct Scene {
    pub kefu: Place,
    pub admin: Person,
    pub nats: Option<NatsServer>,
    /// Files that it reads again whenever it starts.
    pub kept: Vec<tempfile::NamedTempFile>,
}

/// Somebody with a credential.
#[derive(Clone)]
pub struct Person {
    pub id: String,
    /// `kefu` or `kehu`.
    pub kind: &'static str,
    pub token: String,
    pub api: Api,
    /// A customer's support conversation.
    pub support: String,
}

/// Of every agent.
pub const PASSWORD: &str = "correct horse battery";

/// Limits by address would hit the test itself: everybody comes from here.
const ROOM_FOR_ALL: [(&str, &str); 4] = [
    ("KEFU_LIMITS__REQUESTS_PER_ADDRESS_MINUTE", "1000000"),
    ("KEFU_LIMITS__REQUESTS_PER_USER_MINUTE", "1000000"),
    ("KEFU_LIMITS__VISITORS_PER_ADDRESS_MINUTE", "100000"),
    ("KEFU_LIMITS__LOGINS_PER_ADDRESS_MINUTE", "100000"),
];

impl Scene {
    /// A deployment with the default settings.
    pub async fn start(broker: Broker) -> Self {
        match broker {
            Broker::Cluster => Self::of(Place::Shared(cluster::next_tenant().await)).await,
            _ => Self::start_with(broker, &[]).await,
        }
    }

    /// A deployment with some settings changed; in the cluster, an edge with them. Either can be harmed.
    pub async fn start_with(broker: Broker, settings: &[(&str, &str)]) -> Self {
        if broker == Broker::Cluster {
            let tenant = cluster::next_tenant().await;
            return Self::of(cluster::edge(tenant, settings).await).await;
        }
        let nats = (broker == Broker::Nats).then(NatsServer::start);
        let url = nats.as_ref().map(NatsServer::url);
        let mut variables = ROOM_FOR_ALL.to_vec();
        if let Some(url) = &url {
            // No balancer looks at it.
            variables.extend([("KEFU_NATS__URL", url.as_str()), ("KEFU_SERVER__DRAIN_NOTICE_MS", "0")]);
        }
        variables.extend(settings);
        Self { nats, ..Self::of(Place::Own(Box::new(Kefu::start(&[], &variables).await))).await }
    }

    /// A deployment that trusts a host site with this secret.
    pub async fn start_hosted(broker: Broker, secret: &str) -> Self {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().to_str().expect("a plain path").to_owned();
        let settings = [("KEFU_CONFIG", path.as_str())];
        let mut scene = if broker == Broker::Cluster {
            let tenant = cluster::next_tenant().await;
            let id = &tenant.id;
            let names = format!("id = \"{id}\"\nsite_key = \"{id}\"");
            write!(file, "[[tenants]]\n{names}\nidentity_secret = \"{secret}\"\n").expect("the settings");
            Self::of(cluster::edge(tenant, &settings).await).await
        } else {
            write!(file, "[[tenants]]\nidentity_secret = \"{secret}\"\n").expect("the settings");
            Self::start_with(broker, &settings).await
        };
        scene.kept.push(file);
        scene
    }

    /// A deployment whose log is its own, in a process that is started by another command.
    pub async fn start_by(wrapper: &[&str], data: Option<PathBuf>, settings: &[(&str, &str)]) -> Self {
        let mut variables = ROOM_FOR_ALL.to_vec();
        variables.extend(settings);
        Self::of(Place::Own(Box::new(Kefu::start_by(wrapper, data, &[], &variables).await))).await
    }

    /// A deployment of which this process is an edge, the first one.
    pub async fn of_process(kefu: Kefu) -> Self {
        Self::of(Place::Own(Box::new(kefu))).await
    }

    async fn of(kefu: Place) -> Self {
        let password = match &kefu {
            Place::Own(kefu) => kefu.admin_password(),
            Place::Shared(_) | Place::Edge(..) => PASSWORD.to_owned(),
        };
        let admin = log_in(&kefu.api(), "admin", &password).await;
        // Who logs in is online. This admin takes no chats.
        let office = Client::connect(&kefu.address(), &admin, Protocol::Json).await;
        office.set_status("busy").await;
        office.set_status("offline").await;
        Self { kefu, admin, nats: None, kept: Vec::new() }
    }

    /// Calls without a credential.
    pub fn api(&self) -> Api {
        self.kefu.api()
    }

    /// A new agent, logged in, without a socket.
    pub async fn agent(&self, username: &str, capacity: u64) -> Person {
        self.staff(username, "agent", capacity).await
    }

    /// A new member of staff, logged in, without a socket.
    pub async fn staff(&self, username: &str, role: &str, capacity: u64) -> Person {
        let body = json!({"username": username, "name": format!("Agent {username}"), "role": role,
            "password": PASSWORD, "capacity": capacity});
        self.admin.api.post("/api/users", body).await.ok();
        log_in(&self.api(), username, PASSWORD).await
    }

    /// A new visitor, without a socket.
    pub async fn visitor(&self) -> Person {
        visitor(&self.api()).await
    }

    /// A connection of somebody.
    pub async fn connect(&self, person: &Person) -> Client {
        Client::connect(&self.kefu.address(), person, Protocol::Json).await
    }

    /// A new agent with a socket, who gets sessions from now on.
    pub async fn online_agent(&self, username: &str, capacity: u64) -> Client {
        let client = self.connect(&self.agent(username, capacity).await).await;
        client.until_online().await;
        client
    }

    /// A new visitor with a socket that follows their support conversation.
    pub async fn connected_visitor(&self) -> Client {
        let mut client = self.connect(&self.visitor().await).await;
        client.attach(&client.support()).await;
        client
    }

    /// A visitor's conversation with an agent.
    pub async fn chat(&self) -> Chat {
        let mut agent = self.online_agent("mei", 5).await;
        let mut visitor = self.connected_visitor().await;
        let id = visitor.support();
        visitor.say(&id, "hello").await;
        visitor.until_assigned(&id).await;
        agent.attach_added(&id).await;
        Chat { agent, visitor, id }
    }
}

/// Two people in a conversation whose session is active; both follow it.
pub struct Chat {
    pub agent: Client,
    pub visitor: Client,
    pub id: String,
}

/// A visitor's first contact.
pub async fn visitor(api: &Api) -> Person {
    let body = api.post("/api/kehu/session", json!({})).await.ok();
    let token = text(&body, "visitor_token");
    Person {
        id: text(&body, "user_id"),
        kind: "kehu",
        api: api.with(&token),
        support: text(&body, "support_conversation"),
        token,
    }
}

/// Logs an agent in.
pub async fn log_in(api: &Api, username: &str, password: &str) -> Person {
    let body = api.post("/api/kefu/login", json!({"username": username, "password": password})).await.ok();
    let token = text(&body, "session_token");
    Person { id: text(&body["user"], "id"), kind: "kefu", api: api.with(&token), token, support: String::new() }
}

/// A field that must be there.
#[track_caller]
pub fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field} in {value}")).to_owned()
}
