-- +goose Up
-- What is to be known of a run beside its answer: a warning about its call, or that what it is about is resolved.
CREATE TABLE run_notes (
    run_id TEXT COLLATE "C" NOT NULL,
    id     TEXT COLLATE "C" NOT NULL, -- a ULID
    at     BIGINT NOT NULL,
    kind   TEXT    NOT NULL, -- warning, resolved
    text   TEXT    NOT NULL,
    PRIMARY KEY (run_id, id)
);

-- The items that a run answers for, where calls are coalesced.
CREATE TABLE run_inputs (
    run_id      TEXT COLLATE "C" NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    starts_at   TEXT COLLATE "C" NOT NULL, -- as the sender says it; empty where it does not
    state       TEXT    NOT NULL,
    place       BIGINT NOT NULL, -- the inputs of a run in the order in which they came
    PRIMARY KEY (run_id, key, fingerprint, starts_at)
);

ALTER TABLE runs ADD COLUMN annotated BOOLEAN NOT NULL DEFAULT FALSE; -- whether it has notes or inputs: most have none
ALTER TABLE runs ADD COLUMN not_before BIGINT; -- it leaves the queue then at the earliest; null for at once

-- What alerts are about, as long as they go on. A key that is closed is kept for a day, so that a repeated call is known.
CREATE TABLE coalesce_keys (
    client_id TEXT COLLATE "C" NOT NULL,
    key       TEXT COLLATE "C" NOT NULL, -- at most 1 KB
    run_id    TEXT COLLATE "C" NOT NULL, -- the last one that was started for it
    closed    BOOLEAN NOT NULL,
    seen_at   BIGINT NOT NULL, -- its last call
    PRIMARY KEY (client_id, key)
);
CREATE INDEX coalesce_keys_by_seen ON coalesce_keys (seen_at);

-- The alerts of a key. Each is in one run.
CREATE TABLE coalesce_items (
    client_id   TEXT COLLATE "C" NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    starts_at   TEXT COLLATE "C" NOT NULL,
    state       TEXT NOT NULL,
    run_id      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (client_id, key, fingerprint, starts_at)
);

-- The runs that were started for keys.
CREATE TABLE coalesce_runs (
    run_id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    client_id   TEXT COLLATE "C" NOT NULL,
    storm       BOOLEAN NOT NULL, -- it gathers what came above the client's maxRuns
    accepted_at BIGINT NOT NULL,
    due_at      BIGINT NOT NULL, -- when it may leave the queue
    gathering   BOOLEAN NOT NULL, -- its model has not been asked, and it may take more
    calls       BIGINT NOT NULL,
    items       BIGINT NOT NULL,
    bytes       BIGINT NOT NULL -- of its calls
);
CREATE INDEX coalesce_runs_by_client ON coalesce_runs (client_id, due_at);

-- What the calls of a gathering run said. Its prompt is made of them when it leaves the queue.
CREATE TABLE coalesce_calls (
    run_id TEXT COLLATE "C" NOT NULL,
    place  BIGINT NOT NULL,
    event  TEXT    NOT NULL, -- JSON
    prompt TEXT    NOT NULL, -- empty where the source makes it of the event
    PRIMARY KEY (run_id, place)
);
