-- Times are microseconds since 1970 in UTC, 0 = none. Addresses are text, '' = none. Digests are hex, '' = none.

-- +goose Up
CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL -- JSON
);

-- AUTOINCREMENT: an id is never given twice, so that nothing that outlived an account becomes another person's.
CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    directory     TEXT    NOT NULL CHECK (directory <> ''),
    login         TEXT    NOT NULL,
    login_key     TEXT    NOT NULL CHECK (login_key <> ''), -- the login without regard to case
    name          TEXT    NOT NULL,
    search        TEXT    NOT NULL, -- login and name as they are looked for
    hash          TEXT    NOT NULL, -- argon2id; '' = no password here
    enabled       BOOLEAN NOT NULL,
    admin         BOOLEAN NOT NULL,
    remote_access BOOLEAN NOT NULL,
    phone         TEXT    NOT NULL,
    comment       TEXT    NOT NULL,
    created       BIGINT  NOT NULL,
    UNIQUE (directory, login_key),
    CHECK (directory = 'local' OR NOT admin)
);
CREATE INDEX users_by_login ON users (login_key, id);

-- The journal outlives accounts, therefore user_id refers to nothing.
CREATE TABLE sessions (
    id              TEXT   PRIMARY KEY,
    user_id         BIGINT NOT NULL,
    login           TEXT   NOT NULL,
    name            TEXT   NOT NULL,
    directory       TEXT   NOT NULL,
    kind            TEXT   NOT NULL,
    address         TEXT   NOT NULL,
    external_ip     TEXT   NOT NULL,
    device_id       TEXT   NOT NULL,
    device_name     TEXT   NOT NULL,
    device_os       TEXT   NOT NULL,
    started         BIGINT NOT NULL,
    logged_in       BIGINT NOT NULL,
    expires         BIGINT NOT NULL,
    ended           BIGINT NOT NULL,
    reason          TEXT   NOT NULL,
    resume_chain    TEXT   NOT NULL,
    resume_current  TEXT   NOT NULL,
    resume_previous TEXT   NOT NULL
);
CREATE INDEX sessions_open ON sessions (started) WHERE ended = 0;
CREATE INDEX sessions_ended ON sessions (ended) WHERE ended <> 0;
CREATE INDEX sessions_by_chain ON sessions (resume_chain) WHERE resume_chain <> '';
CREATE INDEX sessions_resumable ON sessions (user_id) WHERE resume_current <> '';

CREATE TABLE devices (
    user_id   BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    device_id TEXT   NOT NULL,
    seen      BIGINT NOT NULL,
    PRIMARY KEY (user_id, device_id)
);

CREATE TABLE browser_sessions (
    id         TEXT   PRIMARY KEY,
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created    BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    expires    BIGINT NOT NULL,
    address    TEXT   NOT NULL,
    user_agent TEXT   NOT NULL
);
CREATE INDEX browser_sessions_by_user ON browser_sessions (user_id, last_seen);
CREATE INDEX browser_sessions_by_expires ON browser_sessions (expires);
