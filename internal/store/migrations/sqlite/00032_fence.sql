-- +goose Up
-- Which parts of a run's input third parties have written, and the random marker that stands around them where a model is asked: a JSON
-- object. Null where the client is trusted.
ALTER TABLE runs ADD COLUMN fence TEXT;

-- Which parts of prompt are theirs: a JSON list of pairs of bytes. Null where all of it is.
ALTER TABLE coalesce_calls ADD COLUMN spans TEXT;
