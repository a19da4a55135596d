-- The keys that clients sign in with. A key is never deleted, because events name it as their actor.
CREATE TABLE store.access_keys (
    access_key_id text PRIMARY KEY,
    organization text NOT NULL,                 -- or '*', every one
    label text,
    secret_hash text NOT NULL,                  -- argon2id, with its parameters; the secret itself is kept nowhere
    scopes text[] NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    revoked timestamptz,                        -- when it ends; in the future while a rotated key is still accepted
    replaced_by text
);
CREATE INDEX access_keys_by_organization ON store.access_keys (organization, created);
CREATE INDEX access_keys_by_revocation ON store.access_keys (revoked) WHERE revoked IS NOT NULL;

-- The secret with which every API process of this database signs bearer tokens; one row. Whoever can read it can make
-- tokens. It is made here, from 366 random bits.
CREATE TABLE store.token_secrets (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    secret bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO store.token_secrets (secret)
VALUES (sha256(convert_to(concat(gen_random_uuid(), gen_random_uuid(), gen_random_uuid()), 'UTF8')));
