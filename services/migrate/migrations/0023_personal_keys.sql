-- Keys of accounts' personal data (services/personal/, docs/erasure.md): an account has at most one valid key. A
-- destroyed key leaves its id, so that data sealed with it are known to be forgotten on purpose, and not lost.
CREATE TABLE store.personal_keys (
    organization text NOT NULL,
    key_id text NOT NULL,                       -- named in everything that is sealed with it
    account text NOT NULL,
    key bytea,                                  -- encrypted with the operator's; NULL: destroyed
    wrapped_by text NOT NULL,                   -- the name of the operator's key
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization, key_id)
);
CREATE UNIQUE INDEX personal_keys_good ON store.personal_keys (organization, account) WHERE key IS NOT NULL;
CREATE INDEX personal_keys_wrapped_by ON store.personal_keys (wrapped_by) WHERE key IS NOT NULL;
