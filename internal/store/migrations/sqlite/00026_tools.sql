-- +goose Up
-- In 0.1 tools of an agent was what flowTools is now, a boolean. The documents are as Beckon writes them: without blanks, and never
-- with this key first. Those with params or an output are newer, and may have the key elsewhere: see agents.Agent.FormerKey.
UPDATE resources SET spec = replace(replace(spec, ',"tools":true', ',"flowTools":true'), ',"tools":false', ',"flowTools":false')
WHERE kind = 'agents' AND spec NOT LIKE '%"params":{%' AND spec NOT LIKE '%"output":{%';

-- What an agent's model has answered before its tools were used, as it goes back to the provider. A run that goes on after a crash,
-- or after a person has allowed a call, goes on from there.
CREATE TABLE rounds (
    run_id            TEXT    NOT NULL,
    node_id           TEXT    NOT NULL, -- of a flow; empty for the run of an agent
    number            INTEGER NOT NULL, -- from 1
    provider          TEXT    NOT NULL, -- who has answered, and by which API
    message           TEXT    NOT NULL, -- JSON
    text              TEXT    NOT NULL, -- of the answer
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    total_tokens      INTEGER NOT NULL,
    PRIMARY KEY (run_id, node_id, number)
) WITHOUT ROWID;

-- The calls of tools.
CREATE TABLE tool_calls (
    id            TEXT    NOT NULL PRIMARY KEY, -- call_ and a ULID
    run_id        TEXT    NOT NULL,
    node_id       TEXT    NOT NULL,
    number        INTEGER NOT NULL, -- of its round
    place         INTEGER NOT NULL, -- among the calls of that
    provider_id   TEXT    NOT NULL, -- what the model calls it
    provider_name TEXT    NOT NULL, -- what the model calls its tool
    tool          TEXT    NOT NULL, -- docs.search
    arguments     TEXT    NOT NULL, -- JSON, if the model kept to it
    read_only     INTEGER NOT NULL, -- it may be made again after a crash
    status        TEXT    NOT NULL, -- WAITING, RUNNING, COMPLETED, FAILED, DENIED
    result        TEXT,
    error_code    TEXT,
    error_message TEXT,
    started_at    INTEGER,
    completed_at  INTEGER,
    expires_at    INTEGER, -- of a call that a person has to allow: it is denied then
    allowed       INTEGER, -- what was decided; null while nothing is
    decided_by    TEXT,    -- null for nobody: it was not decided in time
    decided_at    INTEGER
) WITHOUT ROWID;
CREATE INDEX tool_calls_by_run ON tool_calls (run_id, node_id, number, place);
-- The calls on which a person has to decide.
CREATE INDEX tool_calls_undecided ON tool_calls (expires_at, id) WHERE status = 'WAITING' AND decided_at IS NULL;

ALTER TABLE runs ADD COLUMN acts INTEGER NOT NULL DEFAULT 0; -- whether there are rounds of it: most runs use no tools
