-- +goose Up
-- What was counted of the runs of an hour, once it was over and all of them had ended.
CREATE TABLE run_hours (
    hour   BIGINT NOT NULL PRIMARY KEY, -- since 1970, in UTC
    counts TEXT   NOT NULL             -- JSON
);
