-- +goose Up
-- Filters of the console's lists that somebody has named. All administrators see them.
CREATE TABLE saved_views (
    list  TEXT NOT NULL, -- runs, refused, deliveries
    name  TEXT NOT NULL,
    query TEXT NOT NULL, -- the filter, as an address has it
    PRIMARY KEY (list, name)
);
