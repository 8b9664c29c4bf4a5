-- +goose Up
-- What a request of a turn has cost, in the unit of runs.cost; null where its model has no price.
ALTER TABLE rounds ADD COLUMN cost INTEGER;
-- What it has used besides its tokens, as runs.usage_details has it.
ALTER TABLE rounds ADD COLUMN usage_details TEXT;
