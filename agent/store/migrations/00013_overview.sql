-- +goose Up
-- The traffic of sessions by kind, in slots of agent.TrafficSlot. rx and tx of a session say how much, but not when.
CREATE TABLE traffic (
    slot BIGINT NOT NULL, -- when it began
    kind TEXT   NOT NULL,
    rx   BIGINT NOT NULL,
    tx   BIGINT NOT NULL,
    PRIMARY KEY (slot, kind)
) WITHOUT ROWID;

-- These have all columns that a query of the activity reads.
CREATE INDEX sessions_spans ON sessions (ended, started, kind) WHERE ended <> 0 AND NOT refusal;
CREATE INDEX sessions_refused_codes ON sessions (started, reason) WHERE refusal;
