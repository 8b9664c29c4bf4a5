-- +goose Up
-- Who answered a run or a node, and the attempts that it took, as JSON: {"provider", "model", "degraded", "isData", "attempts"}.
ALTER TABLE runs ADD COLUMN answerer TEXT;
ALTER TABLE nodes ADD COLUMN answerer TEXT;
