-- +goose Up
-- The conditions by which the routers of a flow have come to a node. Null without routers.
ALTER TABLE nodes ADD COLUMN via TEXT;
