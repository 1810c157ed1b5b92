-- +goose Up
-- The sessions table is the journal of authorisations: a row is a session, or a refused attempt, which ended when it started.
ALTER TABLE sessions ADD COLUMN way TEXT NOT NULL DEFAULT ''; -- '' = from before this column
ALTER TABLE sessions ADD COLUMN groups TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN mac TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN rx BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN tx BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN refusal BOOLEAN NOT NULL DEFAULT FALSE; -- then reason is the code of the refusal
ALTER TABLE sessions ADD COLUMN inside BOOLEAN NOT NULL DEFAULT FALSE; -- external_ip is in the LAN
ALTER TABLE sessions ADD COLUMN person BIGINT NOT NULL DEFAULT 0; -- in journal_people

CREATE INDEX sessions_by_start ON sessions (started);
CREATE INDEX sessions_by_end ON sessions (ended);
DROP INDEX sessions_ended;
CREATE INDEX sessions_by_address ON sessions (address, started) WHERE address <> '';
CREATE INDEX sessions_by_external_ip ON sessions (external_ip, started) WHERE external_ip <> address;
CREATE INDEX sessions_by_mac ON sessions (mac, started) WHERE mac <> '';
CREATE INDEX sessions_by_way ON sessions (way, reason, started);
CREATE INDEX sessions_refused ON sessions (started) WHERE refusal;

-- The distinct texts of the journal. A search for a part of a text reads them, and then finds the sessions that have the text by an index.
-- Migration 10 fills journal_people.
CREATE TABLE journal_people (
    id          INTEGER PRIMARY KEY,
    user_id     BIGINT NOT NULL,
    login       TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    groups      TEXT   NOT NULL,
    device_name TEXT   NOT NULL,
    login_fold  TEXT   NOT NULL, -- the text in the form that searches compare
    name_fold   TEXT   NOT NULL,
    groups_fold TEXT   NOT NULL,
    device_fold TEXT   NOT NULL,
    UNIQUE (user_id, login, name, groups, device_name)
);
CREATE TABLE journal_places (
    kind  TEXT NOT NULL, -- the column of sessions: address, external_ip or mac
    value TEXT NOT NULL,
    PRIMARY KEY (kind, value)
) WITHOUT ROWID;
INSERT INTO journal_places SELECT DISTINCT 'address', address FROM sessions WHERE address <> '';
INSERT INTO journal_places SELECT DISTINCT 'external_ip', external_ip FROM sessions WHERE external_ip <> address;

-- INSERT OR IGNORE would fail here: in a trigger SQLite takes the conflict clause of the statement that fired it.
-- +goose StatementBegin
CREATE TRIGGER journal_insert AFTER INSERT ON sessions BEGIN
    INSERT INTO journal_places VALUES ('address', new.address), ('mac', new.mac) ON CONFLICT DO NOTHING;
    INSERT INTO journal_places SELECT 'external_ip', new.external_ip WHERE new.external_ip <> new.address ON CONFLICT DO NOTHING;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER journal_update AFTER UPDATE OF address, external_ip, mac ON sessions
    WHEN new.address <> old.address OR new.external_ip <> old.external_ip OR new.mac <> old.mac BEGIN
    INSERT INTO journal_places VALUES ('address', new.address), ('mac', new.mac) ON CONFLICT DO NOTHING;
    INSERT INTO journal_places SELECT 'external_ip', new.external_ip WHERE new.external_ip <> new.address ON CONFLICT DO NOTHING;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER journal_delete AFTER DELETE ON sessions BEGIN
    DELETE FROM journal_people WHERE id = old.person AND NOT EXISTS (SELECT 1 FROM sessions WHERE person = old.person);
    DELETE FROM journal_places WHERE kind = 'address' AND value = old.address
        AND NOT EXISTS (SELECT 1 FROM sessions WHERE address <> '' AND address = old.address);
    DELETE FROM journal_places WHERE kind = 'external_ip' AND value = old.external_ip
        AND NOT EXISTS (SELECT 1 FROM sessions WHERE external_ip <> address AND external_ip = old.external_ip);
    DELETE FROM journal_places WHERE kind = 'mac' AND value = old.mac
        AND NOT EXISTS (SELECT 1 FROM sessions WHERE mac <> '' AND mac = old.mac);
END;
-- +goose StatementEnd

-- The journal could be kept for 3650 days before. A stored value above the new maximum would refuse every change of the settings.
UPDATE settings SET value = '1826' WHERE key = 'journal_days' AND CAST(value AS INTEGER) > 1826;
