-- Former generations of store and `usage`. Their records stay in the log for ever, and count as ours.
CREATE TABLE store.past_generations (
    part text NOT NULL,                         -- commands, usage
    generation text NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (part, generation)
);

-- The offset in each partition at which reading of a generation of `usage` begins; partitions that are not named are
-- read from their first record.
ALTER TABLE store.generations ADD COLUMN begins jsonb NOT NULL DEFAULT '{}';

-- How far the relay wrote, and the last record there: a topic that was made anew may have grown past the old end, so
-- the end alone does not tell.
ALTER TABLE store.relay_offsets RENAME TO marks;
ALTER TABLE store.marks
    ADD COLUMN record_offset bigint,            -- null until the relay has written once more
    ADD COLUMN record_ms bigint,                -- its LogAppendTime
    ADD COLUMN record_digest bytea;             -- a hash of its key and value (services/kafka/log_reader.py)

-- The quarter hour of the last tick. `tick` only numbers the ticks from now on, because a clock may be set back.
ALTER TABLE store.relay ADD COLUMN quarter bigint NOT NULL DEFAULT 0;
UPDATE store.relay SET quarter = tick;

-- Foreign records in our topics that an operator has acknowledged, so that they do not fail the audit.
CREATE TABLE store.acknowledged (
    topic text NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    acknowledged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, log_offset)
);
