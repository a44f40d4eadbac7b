-- Version 3: what the vault's key pair is derived from, beside the master key.

-- "database_id": 16 random bytes, or none in a database from before this version. It goes into the derivation, so that two
-- databases under one master key do not open each other's boxes.
-- "vault_kdf": how the master key is made from a passphrase (modules/tls/passphrase.h); absent or empty when there is none.
INSERT INTO meta (name, value)
    SELECT 'database_id', iif(EXISTS (SELECT 1 FROM meta WHERE name = 'vault_key'), x'', randomblob(16));
