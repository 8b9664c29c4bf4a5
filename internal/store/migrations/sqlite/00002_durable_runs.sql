-- +goose Up
ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'agent'; -- agent or flow
ALTER TABLE runs ADD COLUMN priority INTEGER NOT NULL DEFAULT 2; -- in the queue: 1 comes first, 4 last
ALTER TABLE runs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1; -- how often it was begun
ALTER TABLE runs ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0; -- how often the process that worked on it died
ALTER TABLE runs ADD COLUMN retry_on_crash INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN instance_id TEXT; -- who works on it, or did
ALTER TABLE runs ADD COLUMN cancel_requested_at INTEGER;
ALTER TABLE runs ADD COLUMN error_kind TEXT;
ALTER TABLE runs ADD COLUMN received_at INTEGER;

CREATE INDEX runs_by_client ON runs (client_id, id);
CREATE INDEX runs_not_completed ON runs (client_id, status, id) WHERE status <> 'COMPLETED';
CREATE INDEX runs_running ON runs (instance_id) WHERE status = 'RUNNING';
CREATE INDEX runs_queued ON runs (id) WHERE status = 'QUEUED';

-- The agents' turns within flows. A run of one agent has none: it is its own node.
CREATE TABLE nodes (
    run_id            TEXT    NOT NULL,
    node_id           TEXT    NOT NULL,
    node_type         TEXT    NOT NULL,
    place             INTEGER NOT NULL, -- the nodes of a run in the order in which they began
    status            TEXT    NOT NULL,
    output            TEXT,
    error_code        TEXT,
    error_message     TEXT,
    state             TEXT, -- JSON: what it put into the flow's state
    leaves_loop       INTEGER NOT NULL DEFAULT 0,
    prompt_tokens     INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0,
    total_tokens      INTEGER NOT NULL DEFAULT 0,
    started_at        INTEGER NOT NULL,
    completed_at      INTEGER,
    PRIMARY KEY (run_id, node_id)
) WITHOUT ROWID;

-- The one log of what happened. The ids of a run's events are in the order in which they happened.
CREATE TABLE events (
    run_id  TEXT NOT NULL,
    id      TEXT NOT NULL,
    type    TEXT NOT NULL,
    payload TEXT NOT NULL, -- JSON, as it goes out
    PRIMARY KEY (run_id, id)
) WITHOUT ROWID;
CREATE INDEX events_deltas ON events (run_id) WHERE type = 'message.delta';

CREATE TABLE instances (
    id         TEXT    NOT NULL PRIMARY KEY,
    started_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    client_id  TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    request    TEXT    NOT NULL, -- SHA-256 of the request, in hex
    run_id     TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (client_id, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
