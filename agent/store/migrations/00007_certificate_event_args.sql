-- +goose Up
ALTER TABLE certificate_events ADD COLUMN args TEXT NOT NULL DEFAULT ''; -- of the text of the cause, JSON; '' = none
