-- +goose Up
-- When the schedules of clients come next. Whoever takes a time moves it on in the transaction that records the run.
CREATE TABLE schedules (
    client_id   TEXT   NOT NULL PRIMARY KEY,
    client_made BIGINT NOT NULL, -- when the client was made: another one may have its id later; 0 for one of the file
    spec        TEXT   NOT NULL, -- what next_at follows from; empty while the client has no schedule or is disabled
    next_at     BIGINT,          -- null while nothing comes
    last_at     BIGINT,          -- when the last run was recorded
    last_run_id TEXT
);
CREATE INDEX schedules_due ON schedules (next_at);

-- The clients that are expected to call. Calls are written here now and then only: see package schedules.
CREATE TABLE expected_calls (
    client_id TEXT   NOT NULL PRIMARY KEY,
    spec      TEXT   NOT NULL, -- what they are expected by
    since     BIGINT NOT NULL, -- from when on
    called_at BIGINT,          -- the last call that is known of
    silent_at BIGINT           -- when it was told that none had come; null after the next call
);
