-- +goose Up
-- AUTOINCREMENT: an id is never given twice, so that an old page cannot remove a newer certificate.
CREATE TABLE uploaded_certificates (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    added BIGINT NOT NULL,
    chain TEXT   NOT NULL, -- PEM, the leaf first
    key   TEXT   NOT NULL  -- PKCS #8, encrypted
);

CREATE TABLE certificate_events (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     BIGINT NOT NULL,
    event  TEXT   NOT NULL,
    name   TEXT   NOT NULL,
    source TEXT   NOT NULL,
    login  TEXT   NOT NULL, -- of the administrator; '' = the gateway itself
    cause  TEXT   NOT NULL,
    detail TEXT   NOT NULL
);
