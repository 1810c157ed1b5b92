-- +goose Up
-- AUTOINCREMENT never reuses an id, so that an old script cannot change a newer rule.
CREATE TABLE auth_rules (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    enabled BOOLEAN NOT NULL,
    address TEXT    NOT NULL, -- '' = any address of the MAC
    mac     TEXT    NOT NULL, -- '' = any computer at the address
    user_id BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    always  BOOLEAN NOT NULL,
    comment TEXT    NOT NULL,
    CHECK (address <> '' OR mac <> '')
);
CREATE UNIQUE INDEX auth_rules_by_address ON auth_rules (address) WHERE address <> '';
CREATE UNIQUE INDEX auth_rules_by_mac ON auth_rules (mac) WHERE address = '';
CREATE INDEX auth_rules_by_user ON auth_rules (user_id);
