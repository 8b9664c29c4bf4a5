-- +goose Up
-- The trace that a run and its deliveries belong to: a traceparent, and behind a space a tracestate if there is one. Null for none.
ALTER TABLE runs ADD COLUMN trace TEXT;
ALTER TABLE deliveries ADD COLUMN trace TEXT;
