-- +goose Up
ALTER TABLE runs ALTER COLUMN id TYPE TEXT COLLATE "C"; -- ids sort by time, whatever the language of the database
ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'agent'; -- agent or flow
ALTER TABLE runs ADD COLUMN priority BIGINT NOT NULL DEFAULT 2; -- in the queue: 1 comes first, 4 last
ALTER TABLE runs ADD COLUMN attempts BIGINT NOT NULL DEFAULT 1; -- how often it was begun
ALTER TABLE runs ADD COLUMN crashes BIGINT NOT NULL DEFAULT 0; -- how often the process that worked on it died
ALTER TABLE runs ADD COLUMN retry_on_crash BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE runs ADD COLUMN instance_id TEXT; -- who works on it, or did
ALTER TABLE runs ADD COLUMN cancel_requested_at BIGINT;
ALTER TABLE runs ADD COLUMN error_kind TEXT;
ALTER TABLE runs ADD COLUMN received_at BIGINT;

CREATE INDEX runs_by_client ON runs (client_id, id);
CREATE INDEX runs_not_completed ON runs (client_id, status, id) WHERE status <> 'COMPLETED';
CREATE INDEX runs_running ON runs (instance_id) WHERE status = 'RUNNING';
CREATE INDEX runs_queued ON runs (id) WHERE status = 'QUEUED';

-- The agents' turns within flows. A run of one agent has none: it is its own node.
CREATE TABLE nodes (
    run_id            TEXT COLLATE "C" NOT NULL,
    node_id           TEXT COLLATE "C" NOT NULL,
    node_type         TEXT    NOT NULL,
    place             BIGINT NOT NULL, -- the nodes of a run in the order in which they began
    status            TEXT    NOT NULL,
    output            TEXT,
    error_code        TEXT,
    error_message     TEXT,
    state             TEXT, -- JSON: what it put into the flow's state
    leaves_loop       BOOLEAN NOT NULL DEFAULT FALSE,
    prompt_tokens     BIGINT NOT NULL DEFAULT 0,
    completion_tokens BIGINT NOT NULL DEFAULT 0,
    total_tokens      BIGINT NOT NULL DEFAULT 0,
    started_at        BIGINT NOT NULL,
    completed_at      BIGINT,
    PRIMARY KEY (run_id, node_id)
);

-- The one log of what happened. The ids of a run's events are in the order in which they happened.
CREATE TABLE events (
    run_id  TEXT COLLATE "C" NOT NULL,
    id      TEXT COLLATE "C" NOT NULL,
    type    TEXT NOT NULL,
    payload TEXT NOT NULL, -- JSON, as it goes out
    PRIMARY KEY (run_id, id)
);
CREATE INDEX events_deltas ON events (run_id) WHERE type = 'message.delta';

CREATE TABLE instances (
    id         TEXT    NOT NULL PRIMARY KEY,
    started_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);

CREATE TABLE idempotency_keys (
    client_id  TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    request    TEXT    NOT NULL, -- SHA-256 of the request, in hex
    run_id     TEXT    NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (client_id, key)
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
