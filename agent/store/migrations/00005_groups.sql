-- +goose Up
-- AUTOINCREMENT: an id is never given twice, so that nothing that outlived a group becomes another one's.
CREATE TABLE groups (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    parent      BIGINT  NOT NULL, -- 0 = top level
    name        TEXT    NOT NULL,
    name_norm   TEXT    NOT NULL CHECK (name_norm <> ''), -- the name without regard to case
    position    INTEGER NOT NULL,
    directory   TEXT    NOT NULL CHECK (directory <> ''),
    member_id   TEXT    NOT NULL, -- the directory's group; '' for a local group
    member_name TEXT    NOT NULL,
    member_dn   TEXT    NOT NULL,
    rights      TEXT    NOT NULL, -- JSON
    admin       BOOLEAN NOT NULL,
    comment     TEXT    NOT NULL,
    UNIQUE (parent, name_norm),
    CHECK ((directory = 'local') = (member_id = ''))
);
CREATE UNIQUE INDEX groups_by_member ON groups (directory, member_id) WHERE member_id <> '';

ALTER TABLE users ADD COLUMN group_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN rights TEXT NOT NULL DEFAULT '{}'; -- JSON
ALTER TABLE users ADD COLUMN admin_by_groups BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN must_change BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN last_login BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN remote_in_directory BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN password_expires BIGINT NOT NULL DEFAULT 0;
-- The groups of the directory of which the account is a member (groups.member_id), with a space between two.
ALTER TABLE users ADD COLUMN directory_groups TEXT NOT NULL DEFAULT '';
-- All groups that apply to the account, also those above; with a space before each id and after the last. It follows from group_id and directory_groups.
ALTER TABLE users ADD COLUMN in_groups TEXT NOT NULL DEFAULT '';

CREATE INDEX users_by_directory_login ON users (directory, login_norm);
CREATE INDEX users_administrators ON users (id) WHERE admin;

-- Until now these accounts had remote access by the remote groups of their directory alone.
UPDATE users SET remote_in_directory = remote_access WHERE remote_by_groups;

ALTER TABLE directories ADD COLUMN keytab TEXT NOT NULL DEFAULT ''; -- encrypted; '' = none
