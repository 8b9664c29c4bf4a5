-- +goose Up
-- The number of the claim under which a process works on a row. Every write to the row names it.
ALTER TABLE runs ADD COLUMN claim BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN claim BIGINT NOT NULL DEFAULT 0;

-- What each process writes with a transaction, so that it can find out whether it was committed when the answer is lost.
CREATE TABLE commit_marks (
    owner  TEXT        NOT NULL PRIMARY KEY,
    number BIGINT      NOT NULL,
    at     TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);

-- The queue: who is next, and whose run it is.
DROP INDEX runs_queued;
CREATE INDEX runs_queued ON runs (priority, id, client_id) WHERE status = 'QUEUED';

-- What the job library needed that Beckon used before.
DROP TABLE IF EXISTS river_job CASCADE;
DROP TABLE IF EXISTS river_leader CASCADE;
DROP TABLE IF EXISTS river_queue CASCADE;
DROP TABLE IF EXISTS river_client_queue CASCADE;
DROP TABLE IF EXISTS river_client CASCADE;
DROP TABLE IF EXISTS river_notification CASCADE;
DROP TABLE IF EXISTS river_migration CASCADE;
DROP FUNCTION IF EXISTS river_job_notify() CASCADE;
DROP FUNCTION IF EXISTS river_job_state_in_bitmask CASCADE;
DROP TYPE IF EXISTS river_job_state CASCADE;
