-- +goose Up
-- The deliveries of one event, of a client, and of a type of event, newest first: see store.Walk.
CREATE INDEX deliveries_by_event ON deliveries (event_id, id);
CREATE INDEX deliveries_by_client ON deliveries (client_id, id);
CREATE INDEX deliveries_by_type ON deliveries (type, id);
