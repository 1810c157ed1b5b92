-- +goose Up
-- The sessions table is the journal of authorisations: a row is a session, or a refused attempt, which ended when it started.
ALTER TABLE sessions ADD COLUMN way TEXT NOT NULL DEFAULT ''; -- '' = from before this column
ALTER TABLE sessions ADD COLUMN groups TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN mac TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN rx BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN tx BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN refusal BOOLEAN NOT NULL DEFAULT FALSE; -- then reason is the code of the refusal
ALTER TABLE sessions ADD COLUMN inside BOOLEAN NOT NULL DEFAULT FALSE; -- external_ip is in the LAN

CREATE INDEX sessions_by_start ON sessions (started);
CREATE INDEX sessions_by_end ON sessions (ended);
DROP INDEX sessions_ended;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_address ON sessions (address) WHERE address <> '';
CREATE INDEX sessions_by_external_ip ON sessions (external_ip) WHERE external_ip <> address;
CREATE INDEX sessions_by_mac ON sessions (mac) WHERE mac <> '';
CREATE INDEX sessions_by_way ON sessions (way, reason);
CREATE INDEX sessions_refused ON sessions (started) WHERE refusal;

-- The distinct texts of the journal: a search finds a part of one here, and the sessions by an index. A session's row was seen at most a
-- day later than here.
CREATE TABLE journal_people (
    user_id      BIGINT NOT NULL,
    login        TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    groups       TEXT   NOT NULL,
    device_name  TEXT   NOT NULL,
    login_fold   TEXT   NOT NULL, -- the text as it is looked for
    name_fold    TEXT   NOT NULL,
    groups_fold  TEXT   NOT NULL,
    device_fold  TEXT   NOT NULL,
    seen         BIGINT NOT NULL,
    PRIMARY KEY (user_id, login, name, groups, device_name)
);
CREATE TABLE journal_places (
    kind  TEXT   NOT NULL, -- the column of sessions: address, external_ip or mac
    value TEXT   NOT NULL,
    seen  BIGINT NOT NULL,
    PRIMARY KEY (kind, value)
) WITHOUT ROWID;
INSERT INTO journal_places SELECT DISTINCT 'address', address, (SELECT max(started) FROM sessions) FROM sessions WHERE address <> '';
INSERT INTO journal_places SELECT DISTINCT 'external_ip', external_ip, (SELECT max(started) FROM sessions) FROM sessions WHERE external_ip <> address;

-- +goose StatementBegin
CREATE TRIGGER journal_places_of_new AFTER INSERT ON sessions BEGIN
    INSERT INTO journal_places VALUES ('address', new.address, new.started), ('mac', new.mac, new.started),
            ('external_ip', CASE WHEN new.external_ip = new.address THEN '' ELSE new.external_ip END, new.started)
        ON CONFLICT (kind, value) DO UPDATE SET seen = excluded.seen WHERE seen < excluded.seen - 86400000000;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER journal_places_of_changed AFTER UPDATE OF address, external_ip, mac ON sessions
    WHEN new.address <> old.address OR new.external_ip <> old.external_ip OR new.mac <> old.mac BEGIN
    INSERT INTO journal_places VALUES ('address', new.address, new.started), ('mac', new.mac, new.started),
            ('external_ip', CASE WHEN new.external_ip = new.address THEN '' ELSE new.external_ip END, new.started)
        ON CONFLICT (kind, value) DO UPDATE SET seen = excluded.seen WHERE seen < excluded.seen - 86400000000;
END;
-- +goose StatementEnd

-- The journal was kept for up to 3650 days. More than its new maximum would refuse every change of the settings.
UPDATE settings SET value = '1826' WHERE key = 'journal_days' AND CAST(value AS INTEGER) > 1826;
