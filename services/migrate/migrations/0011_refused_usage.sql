-- The records of `usage.rejected`, to be listed and replayed: one row for each, however often it was refused. The bytes
-- stay in the topic, at the partition and offset of the last refusal.
CREATE TABLE store.refused_usage (
    organization text NOT NULL,
    id text NOT NULL,                           -- a hash of key, value and headers as they came
    position bigint GENERATED ALWAYS AS IDENTITY,
    account text,                               -- the code that it names
    usage_id text,                              -- the id that it has
    reason text NOT NULL,                       -- services/refusals/refusal.py
    rule text NOT NULL,
    cut boolean NOT NULL,                       -- whether the topic has only the beginning of its value
    arrived timestamptz NOT NULL,
    refused timestamptz NOT NULL,               -- last
    partition integer NOT NULL,                 -- of usage.rejected, and the offset there
    log_offset bigint NOT NULL,
    replayed timestamptz,                       -- since it was last refused
    PRIMARY KEY (organization, id)
);
CREATE INDEX refused_usage_open ON store.refused_usage (organization, position) WHERE replayed IS NULL;
CREATE INDEX refused_usage_oldest ON store.refused_usage (organization, refused) WHERE replayed IS NULL;
CREATE INDEX refused_usage_by_age ON store.refused_usage (refused);

-- How far each partition of `usage.rejected` has been read into refused_usage.
CREATE TABLE store.refused_positions (
    partition integer PRIMARY KEY,
    next_offset bigint NOT NULL
);
