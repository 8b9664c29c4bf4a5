-- +goose Up
-- The files that runs make. What is in them is in a folder or a bucket, under their storage key. A row is written before its
-- file is, and deleted after it, so that there is no file without a row.
CREATE TABLE artifacts (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    run_id      TEXT COLLATE "C" NOT NULL,
    client_id   TEXT    NOT NULL,
    node_id     TEXT    NOT NULL,
    state       TEXT    NOT NULL, -- SAVING, SAVED, KEPT: a run or node has ended that names it, REMOVED: the file is to be deleted
    name        TEXT    NOT NULL DEFAULT '',
    media_type  TEXT    NOT NULL DEFAULT '',
    bytes       BIGINT  NOT NULL DEFAULT 0,
    sha256      TEXT    NOT NULL DEFAULT '', -- lower-case hex
    storage_key TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL
);
CREATE INDEX artifacts_by_run ON artifacts (run_id);
CREATE INDEX artifacts_not_kept ON artifacts (id) WHERE state <> 'KEPT';

-- Whether a run has artifacts: most have none, and nobody looks for any then.
ALTER TABLE runs ADD COLUMN has_artifacts BOOLEAN NOT NULL DEFAULT FALSE;
