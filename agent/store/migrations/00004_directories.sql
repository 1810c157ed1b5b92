-- +goose Up
-- AUTOINCREMENT: the id is part of what the secret is encrypted for.
CREATE TABLE directories (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE CHECK (name <> '' AND name <> 'local'),
    is_default BOOLEAN NOT NULL,
    settings   TEXT    NOT NULL, -- JSON
    secret     TEXT    NOT NULL  -- the encrypted password of the search account; '' = none
);
CREATE UNIQUE INDEX directories_default ON directories (is_default) WHERE is_default;

ALTER TABLE users ADD COLUMN guid TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN refused TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN remote_by_groups BOOLEAN NOT NULL DEFAULT FALSE;
-- When the directory last gave this person the login: two accounts may have one login for a time after people swapped theirs.
ALTER TABLE users ADD COLUMN login_seen BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX users_by_guid ON users (directory, guid) WHERE guid <> '';
