-- +goose Up
-- Times are Unix milliseconds.

CREATE TABLE resources (
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    spec       TEXT    NOT NULL, -- JSON
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);

-- One row whose value grows with every change of resources or tokens, so that a running gateway sees them cheaply.
CREATE TABLE revision (
    id    BIGINT PRIMARY KEY CHECK (id = 1),
    value BIGINT NOT NULL
);
INSERT INTO revision (id, value) VALUES (1, 0);

CREATE TABLE client_tokens (
    hash       TEXT    NOT NULL PRIMARY KEY, -- SHA-256 of the token, in hex
    client_id  TEXT    NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX client_tokens_by_client ON client_tokens (client_id);

CREATE TABLE runs (
    id                TEXT    NOT NULL PRIMARY KEY,
    status            TEXT    NOT NULL,
    client_id         TEXT    NOT NULL,
    workflow_id       TEXT    NOT NULL,
    source            TEXT    NOT NULL,
    session_id        TEXT,
    input             TEXT    NOT NULL,
    metadata          TEXT,
    output            TEXT,
    error_code        TEXT,
    error_message     TEXT,
    prompt_tokens     BIGINT NOT NULL DEFAULT 0,
    completion_tokens BIGINT NOT NULL DEFAULT 0,
    total_tokens      BIGINT NOT NULL DEFAULT 0,
    created_at        BIGINT NOT NULL,
    started_at        BIGINT,
    completed_at      BIGINT
);
