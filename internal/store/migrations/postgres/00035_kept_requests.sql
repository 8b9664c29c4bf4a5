-- +goose Up
-- The latest requests of clients with keepRequests, so that they can be replayed. What proves who called is left out.
CREATE TABLE kept_requests (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- req_ and a ULID
    client_id  TEXT COLLATE "C" NOT NULL,
    run_id     TEXT COLLATE "C",             -- null: it started none
    request_id TEXT    NOT NULL, -- X-Request-Id of the answer
    at         BIGINT  NOT NULL,
    source     TEXT    NOT NULL, -- as in runs: webhook, api, form, page
    agent      TEXT    NOT NULL, -- in the path; empty: none
    method     TEXT    NOT NULL,
    query      TEXT    NOT NULL,
    headers    TEXT    NOT NULL, -- a JSON object of lists
    body       BYTEA   NOT NULL, -- decoded (Content-Encoding)
    bytes      BIGINT  NOT NULL, -- of the body as it came
    omitted    TEXT    NOT NULL, -- why the body is not kept: too_large, files, unreadable; empty: it is
    code       TEXT    NOT NULL  -- why it started no run; empty: it did
);
CREATE INDEX kept_requests_by_client ON kept_requests (client_id, id);
CREATE INDEX kept_requests_by_run ON kept_requests (run_id) WHERE run_id IS NOT NULL;

ALTER TABLE runs ADD COLUMN replay_of TEXT; -- the run or the kept request that this run repeats
