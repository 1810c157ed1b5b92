-- +goose Up
-- The sessions table is the journal of authorisations: a row is a session, or a refused attempt (refusal <> ''), which ended when it started.
ALTER TABLE sessions ADD COLUMN way TEXT NOT NULL DEFAULT ''; -- '' = from before this column
ALTER TABLE sessions ADD COLUMN groups TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN mac TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN rx BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN tx BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN refusal TEXT NOT NULL DEFAULT '';
-- The journal was kept for up to 3650 days. More than its new maximum would refuse every change of the settings.
UPDATE settings SET value = '1826' WHERE key = 'journal_days' AND CAST(value AS INTEGER) > 1826;
