-- +goose Up
-- 0.1 stored retryOnCrash: false with every agent and flow that did not ask to be retried. Now nothing stored is the
-- default, and false is a choice. The documents are as Beckon writes them: without blanks, and never with this key first.
UPDATE resources SET spec = replace(spec, ',"retryOnCrash":false', '') WHERE kind IN ('agents', 'flows');

-- 0.1 let page and API name any variable whose name ends in _API_KEY. A provider that it stored goes on with its variable, for
-- its URL: see agents.Provider.Exempt.
UPDATE resources SET spec = replace(spec, ',"apiKey":"${', ',"exempt":"earlier","apiKey":"${') WHERE kind = 'providers';

-- The runs of a client, and those of one agent for it. In place of an index on the client alone: see store.Walk.
CREATE INDEX runs_by_client_and_workflow ON runs (client_id, workflow_id, id);
DROP INDEX runs_by_client;

-- The deliveries that have failed, whoever they were for. A delivery that succeeds is never in it.
CREATE INDEX deliveries_failed_by_id ON deliveries (id) WHERE status = 'FAILED';
