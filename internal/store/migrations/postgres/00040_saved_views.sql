-- +goose Up
-- Filters of the console's lists that somebody has named. All administrators see them.
CREATE TABLE saved_views (
    list  TEXT COLLATE "C" NOT NULL, -- runs, refused, deliveries
    name  TEXT COLLATE "C" NOT NULL,
    query TEXT NOT NULL, -- the filter, as an address has it
    PRIMARY KEY (list, name)
);
