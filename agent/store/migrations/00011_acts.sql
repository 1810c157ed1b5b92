-- +goose Up
-- The journal of acts: who changed what.
CREATE TABLE acts (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      BIGINT  NOT NULL,
    user_id BIGINT  NOT NULL, -- 0 = no account
    login   TEXT    NOT NULL, -- with the directory; '' = no account
    source  TEXT    NOT NULL,
    peer    TEXT    NOT NULL, -- '' = nobody was connected
    inside  BOOLEAN NOT NULL,
    kind    TEXT    NOT NULL,
    code    TEXT    NOT NULL,
    object  TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    count   BIGINT  NOT NULL,
    names   TEXT    NOT NULL, -- one a line
    changes TEXT    NOT NULL, -- JSON
    search  TEXT    NOT NULL  -- login, name, names and peer in the form that searches compare
);
CREATE INDEX acts_by_time ON acts (at);
CREATE INDEX acts_by_login ON acts (login, at);
CREATE INDEX acts_by_kind ON acts (kind, at);
