-- Rows that come from the log have a stamp, epoch << 40 | position: an older write never replaces a newer one.
-- Times are milliseconds since the Unix epoch. Users are a kind (1 agent, 2 customer) and an id.

CREATE TABLE messages (
    tenant       TEXT    NOT NULL,
    conversation BLOB    NOT NULL,
    seq          INTEGER NOT NULL,
    slot         INTEGER NOT NULL,          -- 0 for the message that took the seq, else the item's rev
    rev          INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    staff        INTEGER NOT NULL,          -- 1 for private notes
    body         BLOB    NOT NULL,
    stamp        INTEGER NOT NULL,
    edited       BLOB,
    recalled     BLOB,
    amend_stamp  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, conversation, seq, slot)
) WITHOUT ROWID;

CREATE TABLE message_versions (
    tenant       TEXT    NOT NULL,
    conversation BLOB    NOT NULL,
    seq          INTEGER NOT NULL,
    rev          INTEGER NOT NULL,
    body         BLOB    NOT NULL,
    stamp        INTEGER NOT NULL,
    PRIMARY KEY (tenant, conversation, seq, rev)
) WITHOUT ROWID;

CREATE TABLE conversations (
    tenant       TEXT    NOT NULL,
    conversation BLOB    NOT NULL,
    state        BLOB    NOT NULL,
    stamp        INTEGER NOT NULL,
    PRIMARY KEY (tenant, conversation)
);

CREATE TABLE by_member (
    tenant       TEXT    NOT NULL,
    user_kind    INTEGER NOT NULL,
    user_id      TEXT    NOT NULL,
    conversation BLOB    NOT NULL,
    active       INTEGER NOT NULL,
    read         INTEGER NOT NULL,
    delivered    INTEGER NOT NULL,
    rev          INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    stamp        INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_kind, user_id, conversation)
) WITHOUT ROWID;
CREATE INDEX by_member_activity ON by_member (tenant, user_kind, user_id, updated_at, conversation);

CREATE TABLE commands (
    tenant       TEXT    NOT NULL,
    conversation BLOB    NOT NULL,
    key          TEXT    NOT NULL,
    entry        BLOB    NOT NULL,
    at           INTEGER NOT NULL,
    stamp        INTEGER NOT NULL,
    PRIMARY KEY (tenant, conversation, key)
) WITHOUT ROWID;
CREATE INDEX commands_at ON commands (at);

CREATE TABLE devices (
    tenant       TEXT    NOT NULL,
    conversation BLOB    NOT NULL,
    device       TEXT    NOT NULL,
    log          BLOB    NOT NULL,
    stamp        INTEGER NOT NULL,
    PRIMARY KEY (tenant, conversation, device)
);

CREATE TABLE sessions (
    tenant        TEXT    NOT NULL,
    conversation  BLOB    NOT NULL,
    ordinal       INTEGER NOT NULL,
    status        INTEGER NOT NULL,         -- 1 waiting, 2 active, 3 ended
    customer      TEXT,
    customer_name TEXT,
    opened_at     INTEGER NOT NULL,
    agent         TEXT,
    agent_name    TEXT,
    assigned_at   INTEGER,
    ended_at      INTEGER,
    ended_by_kind INTEGER,
    ended_by      TEXT,
    end_reason    TEXT,
    rating        INTEGER,
    comment       TEXT,
    stamp         INTEGER NOT NULL,
    PRIMARY KEY (tenant, conversation, ordinal)
) WITHOUT ROWID;
CREATE INDEX sessions_by_time ON sessions (tenant, opened_at, conversation, ordinal);
CREATE INDEX sessions_by_status ON sessions (tenant, status, opened_at, conversation, ordinal);
CREATE INDEX sessions_by_agent ON sessions (tenant, agent, status, opened_at, conversation, ordinal);

CREATE TABLE customers (
    tenant       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    name         TEXT,
    created_at   INTEGER NOT NULL DEFAULT 0,
    last_seen_at INTEGER NOT NULL DEFAULT 0,
    stamp        INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX customers_by_time ON customers (tenant, last_seen_at, id);

CREATE TABLE partitions (
    reader     TEXT    NOT NULL,
    partition  INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    log_id     BLOB    NOT NULL,
    position   INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    ordinal    INTEGER NOT NULL,
    state      BLOB    NOT NULL,
    PRIMARY KEY (reader, partition)
);

CREATE TABLE deployment (
    one                   INTEGER PRIMARY KEY CHECK (one = 1),
    id                    BLOB    NOT NULL,
    partitions            INTEGER NOT NULL,
    allocation_partitions INTEGER NOT NULL,
    partition_hash        TEXT    NOT NULL,
    created_at            INTEGER NOT NULL,
    demo                  INTEGER NOT NULL,
    signing_secret        BLOB    NOT NULL
);

CREATE TABLE usernames (
    tenant   TEXT NOT NULL,
    username TEXT NOT NULL,                 -- in ASCII lower case
    id       TEXT NOT NULL,
    PRIMARY KEY (tenant, username)
) WITHOUT ROWID;

CREATE TABLE users (
    tenant        TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    username      TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    role          TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    capacity      INTEGER NOT NULL,
    disabled      INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

CREATE TABLE login_sessions (
    token_hash   BLOB    PRIMARY KEY,
    tenant       TEXT    NOT NULL,
    user_kind    INTEGER NOT NULL,
    user_id      TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    remember     INTEGER NOT NULL,
    device       TEXT    NOT NULL
) WITHOUT ROWID;
CREATE INDEX login_sessions_by_user ON login_sessions (tenant, user_kind, user_id, created_at);
CREATE INDEX login_sessions_by_expiry ON login_sessions (expires_at);

CREATE TABLE rollups (
    tenant    TEXT    NOT NULL,
    day       INTEGER NOT NULL,             -- days since the Unix epoch, UTC
    partition INTEGER NOT NULL,
    bucket    INTEGER NOT NULL,
    agent     TEXT    NOT NULL,             -- empty for numbers without an agent
    metric    TEXT    NOT NULL,
    value     INTEGER NOT NULL,
    stamp     INTEGER NOT NULL,
    PRIMARY KEY (tenant, day, partition, bucket, agent, metric)
) WITHOUT ROWID;
