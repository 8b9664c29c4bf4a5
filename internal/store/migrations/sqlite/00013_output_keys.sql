-- +goose Up
-- The name that a node's output has within its flow. Null is none, and of a node from before this migration it is not known.
ALTER TABLE nodes ADD COLUMN output_key TEXT;
