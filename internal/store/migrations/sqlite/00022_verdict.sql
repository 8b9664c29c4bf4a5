-- +goose Up
-- What the gate of its client or flow has said of a run that has completed: pass or fail, and why. Null without a gate.
ALTER TABLE runs ADD COLUMN verdict TEXT;
ALTER TABLE runs ADD COLUMN verdict_reason TEXT;
