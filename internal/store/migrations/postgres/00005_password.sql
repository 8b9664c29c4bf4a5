-- +goose Up
-- The administrator's password, one row.
CREATE TABLE admin_password (
    id   BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    hash TEXT   NOT NULL, -- argon2id, in the PHC format
    made BIGINT NOT NULL  -- 1: Beckon made it and printed it once; 0: it is the configured one
);
