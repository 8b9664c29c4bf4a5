-- +goose Up
-- Every change that a person made, with secrets masked.
CREATE TABLE audit (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at          BIGINT NOT NULL,
    who         TEXT   NOT NULL,
    action      TEXT   NOT NULL, -- create, update, delete, rotate, enable, disable, resend, recover
    section     TEXT   NOT NULL,
    resource_id TEXT   NOT NULL,
    before      TEXT,            -- JSON; null for what was not there
    after       TEXT
);
CREATE INDEX audit_by_resource ON audit (section, resource_id, id);

-- The last requests that were turned away. No body is kept.
CREATE TABLE refused_calls (
    id        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at        BIGINT NOT NULL,
    status    BIGINT NOT NULL,
    code      TEXT   NOT NULL, -- of the problem that was answered
    reason    TEXT   NOT NULL, -- its detail
    method    TEXT   NOT NULL,
    path      TEXT   NOT NULL,
    request_id TEXT,
    client_id TEXT,            -- as the caller gave it; there may be no such client
    address   TEXT   NOT NULL,
    headers   TEXT   NOT NULL  -- JSON, secrets masked
);

CREATE TABLE sessions (
    token  TEXT   NOT NULL PRIMARY KEY,
    data   BYTEA  NOT NULL,
    expiry BIGINT NOT NULL
);
CREATE INDEX sessions_by_expiry ON sessions (expiry);

-- What the statistics count by: the hour, and the duration in milliseconds to two digits.
ALTER TABLE runs ADD COLUMN hour BIGINT GENERATED ALWAYS AS (created_at / 3600000) STORED;
ALTER TABLE runs ADD COLUMN latency BIGINT GENERATED ALWAYS AS (
    CASE WHEN completed_at - started_at < 100 THEN completed_at - started_at
         WHEN completed_at - started_at < 1000 THEN (completed_at - started_at) / 10 * 10
         WHEN completed_at - started_at < 10000 THEN (completed_at - started_at) / 100 * 100
         WHEN completed_at - started_at < 100000 THEN (completed_at - started_at) / 1000 * 1000
         ELSE (completed_at - started_at) / 10000 * 10000 END) STORED;
CREATE INDEX runs_by_hour ON runs (hour, status, latency, total_tokens);
CREATE INDEX runs_by_status ON runs (status, id) WHERE status <> 'COMPLETED';
CREATE INDEX runs_by_workflow ON runs (workflow_id, id);
CREATE INDEX deliveries_delivered ON deliveries (created_at) WHERE status = 'DELIVERED';
