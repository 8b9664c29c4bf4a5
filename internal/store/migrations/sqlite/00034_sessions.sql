-- +goose Up
-- A conversation of a client with its agents. number is that of its last call; created_at is at most the number of each of its calls,
-- and more than those of the calls of an earlier session of that id.
CREATE TABLE agent_sessions (
    client_id  TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (client_id, id)
) WITHOUT ROWID;
CREATE INDEX agent_sessions_by_update ON agent_sessions (client_id, updated_at, id);
CREATE INDEX agent_sessions_by_expiry ON agent_sessions (expires_at);

-- What an agent was asked and has answered. Those of a flow's agents count when its run has completed.
CREATE TABLE session_turns (
    client_id  TEXT    NOT NULL,
    session_id TEXT    NOT NULL,
    agent_id   TEXT    NOT NULL,
    number     INTEGER NOT NULL, -- of the call in its session
    node_id    TEXT    NOT NULL, -- of a flow; empty for the run of an agent
    run_id     TEXT    NOT NULL,
    prompt     TEXT    NOT NULL,
    spans      TEXT,             -- which parts of the prompt third parties have written: a JSON list of pairs of bytes; null for none
    answer     TEXT    NOT NULL,
    is_data    INTEGER NOT NULL, -- the agent had seen what third parties have written
    tokens     INTEGER NOT NULL, -- of both, about
    counts     INTEGER NOT NULL, -- its run has completed
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (client_id, session_id, agent_id, number, node_id)
) WITHOUT ROWID;
CREATE INDEX session_turns_in_order ON session_turns (client_id, session_id, number, node_id);
CREATE INDEX session_turns_by_run ON session_turns (run_id);
CREATE INDEX session_turns_by_expiry ON session_turns (expires_at);

-- What an agent's model has made of the turns up to a number.
CREATE TABLE session_summaries (
    client_id  TEXT    NOT NULL,
    session_id TEXT    NOT NULL,
    agent_id   TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    text       TEXT    NOT NULL,
    is_data    INTEGER NOT NULL,
    PRIMARY KEY (client_id, session_id, agent_id)
) WITHOUT ROWID;

-- Of a run of a session: the session, the number of its call, and the runs whose turns its agents saw (a JSON list). Null elsewhere.
ALTER TABLE runs ADD COLUMN session TEXT;
ALTER TABLE runs ADD COLUMN session_number INTEGER;
ALTER TABLE runs ADD COLUMN session_turns TEXT;
CREATE INDEX runs_of_sessions ON runs (client_id, session, session_number) WHERE session IS NOT NULL AND status IN ('QUEUED', 'RUNNING', 'WAITING');
