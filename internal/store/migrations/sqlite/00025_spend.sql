-- +goose Up
-- What a run has cost in 1e-9 USD, by the prices of its time; null where no model of it has a price.
ALTER TABLE runs ADD COLUMN cost INTEGER;
ALTER TABLE nodes ADD COLUMN cost INTEGER;

-- What providers report besides the tokens, a JSON object: cachedTokens, reasoningTokens, images, … Null for nothing.
ALTER TABLE runs ADD COLUMN usage_details TEXT;
ALTER TABLE nodes ADD COLUMN usage_details TEXT;

DROP INDEX runs_by_hour;
CREATE INDEX runs_by_hour ON runs (hour, status, latency, total_tokens, cost);

-- What of a budget is used up, in one of its windows: a day, a month, or a run. See package budgets.
CREATE TABLE budget_windows (
    id        TEXT NOT NULL PRIMARY KEY, -- of whom, of which window, in USD or tokens
    used      INTEGER NOT NULL, -- in 1e-9 USD, or tokens
    reserved  INTEGER NOT NULL, -- for requests that are being made
    warned    INTEGER NOT NULL DEFAULT 0, -- the limit of which it was told that most of it is used up
    exhausted INTEGER NOT NULL DEFAULT 0, -- the limit of which it was told that it is used up
    run_id    TEXT, -- of the window of a run
    ends_at   INTEGER  -- of a day or a month
) WITHOUT ROWID;
CREATE INDEX budget_windows_by_end ON budget_windows (ends_at);
CREATE INDEX budget_windows_by_run ON budget_windows (run_id) WHERE run_id IS NOT NULL;

-- What is reserved for a request to a model, from before it is sent until it is known what it has used.
CREATE TABLE budget_reservations (
    id          TEXT NOT NULL PRIMARY KEY,
    instance_id TEXT NOT NULL, -- the process that makes the request
    run_id      TEXT, -- null for what the process has reserved ahead
    claim       INTEGER NOT NULL, -- of the run
    amounts     TEXT NOT NULL  -- by the id of the window, a JSON object
) WITHOUT ROWID;
CREATE INDEX budget_reservations_by_instance ON budget_reservations (instance_id);
