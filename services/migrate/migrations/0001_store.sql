-- The event store and its command-side view. This schema is never dropped: read models are in schemas of their own.

CREATE TABLE store.events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,   -- the order of commits; gaps are normal
    organization text NOT NULL,
    stream text NOT NULL,                       -- <kind>-<id>, organizationConfig, clock, bills-<root account>
    version bigint NOT NULL,                    -- 1, 2, ... in the stream
    route text NOT NULL,                        -- events.facts.base.Route
    partition integer,                          -- of billing.events; null for facts that are about no account
    account text,
    type text NOT NULL,
    schema_version integer NOT NULL,
    time timestamptz NOT NULL,                  -- the organization's clock when the command was decided
    correlation text,
    causation text,
    data json NOT NULL,                         -- json, not jsonb: the text that was decided is the text that is relayed
    UNIQUE (organization, stream, version)
);

-- What exists now: one row per resource, written in the transaction of its events, so that a GET after a POST sees it.
CREATE TABLE store.entities (
    organization text NOT NULL,
    kind text NOT NULL,                         -- a row of services/commands/table.py, or organizationConfig
    id text NOT NULL,
    version bigint NOT NULL,
    body jsonb NOT NULL,                        -- as in the event: numbers are strings
    extra jsonb NOT NULL DEFAULT '{}',          -- top-ups, cancellation, transactions, the test clock
    refs text[] NOT NULL DEFAULT '{}',          -- ids that the body names
    root_id text,                               -- of an account and of what belongs to one
    partition integer,
    timezone text,                              -- of an account
    position bigint NOT NULL,                   -- of its first event
    folded bigint NOT NULL,                     -- of its last
    created timestamptz NOT NULL,
    modified timestamptz NOT NULL,
    PRIMARY KEY (organization, kind, id)
);
CREATE UNIQUE INDEX entities_by_code ON store.entities (organization, kind, (body->>'code')) WHERE body ? 'code';
CREATE INDEX entities_newest ON store.entities (organization, kind, position);
CREATE INDEX entities_by_id ON store.entities (organization, id);
CREATE INDEX entities_by_account ON store.entities (organization, kind, (body->>'accountId'));
CREATE INDEX entities_by_root ON store.entities (organization, root_id);
CREATE INDEX entities_by_reference ON store.entities USING gin (refs);

CREATE TABLE store.idempotency (
    organization text NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    answer bytea NOT NULL,                      -- the body of the first answer, which was a 200
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, method, path, key)
);
CREATE INDEX idempotency_by_age ON store.idempotency (made_at);

-- The random name (generation) of this store and of topic `usage`. It is part of the source of their records, because a
-- store or topic that is made anew numbers its records from the beginning again (decision 5).
CREATE TABLE store.generations (
    part text PRIMARY KEY,                      -- commands, usage
    generation text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE store.topics (
    name text PRIMARY KEY,
    partitions integer NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);

-- The relay's progress; one row. Everything up to `position` is acknowledged by Kafka.
CREATE TABLE store.relay (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    position bigint NOT NULL DEFAULT 0,
    tick bigint NOT NULL DEFAULT 0              -- the last quarter hour since 1970 whose tick every partition has
);
INSERT INTO store.relay DEFAULT VALUES;

-- The end of each partition after the relay last wrote to it. A topic that ends before that was made anew.
CREATE TABLE store.relay_offsets (
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);

-- The name of the schema that holds the live read models; one row, read first by every transaction on them.
CREATE TABLE store.live_schema (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    name text NOT NULL
);
