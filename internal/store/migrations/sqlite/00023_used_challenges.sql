-- +goose Up
-- The challenges of forms that were solved and used, until they would have expired anyway.
CREATE TABLE used_challenges (
    id         TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX used_challenges_by_expiry ON used_challenges (expires_at);
