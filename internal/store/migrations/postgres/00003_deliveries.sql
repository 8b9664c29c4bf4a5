-- +goose Up
ALTER TABLE runs ADD COLUMN callback TEXT; -- JSON: whom the caller wants to be told of it; secrets sealed
ALTER TABLE runs ADD COLUMN viewed_at BIGINT;

-- What is to be told to whom: one event, one receiver.
CREATE TABLE deliveries (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    lane         TEXT COLLATE "C" NOT NULL, -- those of a lane don't wait for others: endpoint:ID or callback:ORIGIN
    endpoint_id  TEXT COLLATE "C",             -- null for the callback of a call
    callback     TEXT,             -- JSON, as in runs
    run_id       TEXT COLLATE "C",
    event_id     TEXT    NOT NULL,
    type         TEXT    NOT NULL, -- what the event is called outside
    payload      TEXT,             -- JSON; null when the event is in the log
    client_id    TEXT,
    workflow_id  TEXT,
    status       TEXT    NOT NULL, -- PENDING, SENDING, DELIVERED, FAILED
    reason       TEXT    NOT NULL, -- of the next attempt, or of the last: first, retry, resend, recover, test
    attempts     BIGINT NOT NULL DEFAULT 0,
    tries        BIGINT NOT NULL DEFAULT 0, -- attempts since first_at, which its retries are counted by
    first_at     BIGINT NOT NULL,
    due_at       BIGINT NOT NULL,
    instance_id  TEXT,             -- who sends it
    status_code  BIGINT,          -- of the last attempt
    error_code   TEXT,
    error        TEXT,
    created_at   BIGINT NOT NULL,
    completed_at BIGINT
);
CREATE INDEX deliveries_pending ON deliveries (lane, due_at, id) WHERE status = 'PENDING';
CREATE INDEX deliveries_sending ON deliveries (instance_id) WHERE status = 'SENDING';
CREATE INDEX deliveries_failed ON deliveries (endpoint_id, id) WHERE status = 'FAILED';
CREATE INDEX deliveries_by_run ON deliveries (run_id, id);
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id) WHERE endpoint_id IS NOT NULL;

CREATE TABLE attempts (
    delivery_id     TEXT COLLATE "C" NOT NULL,
    number          BIGINT NOT NULL,
    reason          TEXT    NOT NULL,
    url             TEXT    NOT NULL, -- without its query
    request_headers TEXT    NOT NULL, -- JSON, secrets masked
    status_code     BIGINT,
    response_body   TEXT,             -- its first 16 KiB
    truncated       BOOLEAN NOT NULL DEFAULT FALSE,
    error_code      TEXT,
    error           TEXT,
    started_at      BIGINT NOT NULL,
    duration_us     BIGINT NOT NULL,
    PRIMARY KEY (delivery_id, number)
);

-- What has become of endpoints, whether the file or the database has them.
CREATE TABLE endpoint_states (
    endpoint_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    failing_since   BIGINT, -- no attempt has succeeded since
    disabled_at     BIGINT,
    disabled_reason TEXT
);
