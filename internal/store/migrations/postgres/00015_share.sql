-- +goose Up
-- Whether a run has a page for recipients: 0 none, 1 it has one, 2 it had one, which was revoked. And how often people have opened
-- it: in all, and in the hour since 1970 in which it was opened last.
ALTER TABLE runs ADD COLUMN share INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN views BIGINT NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN views_hour BIGINT NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN views_in_hour BIGINT NOT NULL DEFAULT 0;
