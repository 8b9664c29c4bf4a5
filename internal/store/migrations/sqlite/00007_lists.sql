-- +goose Up
-- 0.1 stored retryOnCrash: false with every agent and flow that did not ask to be retried. Now nothing stored is the
-- default, and false is a choice. The documents are as Beckon writes them: without blanks, and never with this key first.
UPDATE resources SET spec = replace(spec, ',"retryOnCrash":false', '') WHERE kind IN ('agents', 'flows');
