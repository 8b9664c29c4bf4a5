-- +goose Up
-- What the call of a run has told, as its client's source reads it: a JSON object of a few KB. Null for the calls of other clients.
ALTER TABLE runs ADD COLUMN origin TEXT;

-- The first message that an endpoint's receiver has taken about a key, so that the next ones are answers to it.
CREATE TABLE delivery_threads (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- a digest of the endpoint, where it sends, and the key
    ref     TEXT    NOT NULL, -- what the receiver calls the message
    seen_at BIGINT  NOT NULL -- when the last message was sent
);
CREATE INDEX delivery_threads_by_seen ON delivery_threads (seen_at);
