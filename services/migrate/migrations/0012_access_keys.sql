-- Who may ask. A key is never deleted: events name it as their actor.
CREATE TABLE store.access_keys (
    access_key_id text PRIMARY KEY,
    organization text NOT NULL,                 -- or '*', every one
    label text,
    secret_hash text NOT NULL,                  -- argon2id, with its parameters; the secret itself is kept nowhere
    scopes text[] NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    revoked timestamptz,                        -- from when on it is refused; in the future while a rotated key goes on
    replaced_by text
);
CREATE INDEX access_keys_by_organization ON store.access_keys (organization, created);
CREATE INDEX access_keys_by_revocation ON store.access_keys (revoked) WHERE revoked IS NOT NULL;

-- What bearer tokens are signed with, by every API process of this database, unless a setting gives it. Whoever can read
-- it can make tokens: only the API's processes need to.
CREATE TABLE store.token_secrets (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    secret bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
-- 244 bits of Postgres' own strong randomness.
INSERT INTO store.token_secrets (secret)
SELECT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
