-- +goose Up
-- How the content of a run is treated, as redact.Rules writes it: null keeps it as it is. And why its content is gone, where it is:
-- client (which keeps none), admin.
ALTER TABLE runs ADD COLUMN rules TEXT;
ALTER TABLE runs ADD COLUMN erased TEXT;

-- The rules of the run that a delivery is about, and whether what it had to tell is gone.
ALTER TABLE deliveries ADD COLUMN rules TEXT;
ALTER TABLE deliveries ADD COLUMN erased BOOLEAN NOT NULL DEFAULT FALSE;

-- What runs and deliveries that have not ended need of their content besides what is kept of it, sealed with the secrets key.
CREATE TABLE sealed_content (
    run_id  TEXT COLLATE "C" NOT NULL,
    place   TEXT COLLATE "C" NOT NULL, -- run, node/ID, event/ID, call/N
    content TEXT NOT NULL, -- sealed JSON
    PRIMARY KEY (run_id, place)
);
