-- Version 6: the administrators of the console, who is signed in, and links that sign somebody in once.
CREATE TABLE administrator (
    name       TEXT    NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 40 AND name NOT GLOB '*[^-a-z0-9]*'),
    -- enum ipc_scope: 0 admin, 1 viewer.
    scope      INTEGER NOT NULL CHECK (scope IN (0, 1)),
    -- Salt and costs of argon2id (tls/passphrase.h).
    kdf        BLOB    NOT NULL CHECK (typeof(kdf) = 'blob' AND length(kdf) = 25),
    -- SHA-256 of what argon2id makes of the password: who reads this has nothing that could be shown.
    key_hash   BLOB    NOT NULL CHECK (typeof(key_hash) = 'blob' AND length(key_hash) = 32),
    created_ms INTEGER NOT NULL CHECK (created_ms >= 0),
    -- The last sign-in; 0: never.
    used_ms    INTEGER NOT NULL DEFAULT 0 CHECK (used_ms >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    -- SHA-256 of 256 random bits, as a token's.
    hash          BLOB    NOT NULL PRIMARY KEY CHECK (typeof(hash) = 'blob' AND length(hash) = 32),
    -- Whose it is; neither: of somebody who came by a link and is to make an administrator.
    administrator TEXT    REFERENCES administrator (name) ON DELETE CASCADE,
    token         TEXT    REFERENCES token (name) ON DELETE CASCADE,
    made_ms       INTEGER NOT NULL CHECK (made_ms >= 0),
    -- To some minutes.
    used_ms       INTEGER NOT NULL CHECK (used_ms >= 0),
    ends_ms       INTEGER NOT NULL CHECK (ends_ms >= 0),
    -- Another one has taken its place; it ends soon.
    replaced      INTEGER NOT NULL DEFAULT 0 CHECK (replaced IN (0, 1)),
    CHECK (administrator IS NULL OR token IS NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE sign_in_link (
    hash    BLOB    NOT NULL PRIMARY KEY CHECK (typeof(hash) = 'blob' AND length(hash) = 32),
    ends_ms INTEGER NOT NULL CHECK (ends_ms >= 0)
) STRICT, WITHOUT ROWID;
