-- Names that stores and topics had before: records under them are in the log for ever, and are ours.
CREATE TABLE store.past_generations (
    part text NOT NULL,                         -- commands, usage
    generation text NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (part, generation)
);

-- Where a generation of `usage` begins, by partition: a topic that lost its end is read again from a known record on.
ALTER TABLE store.generations ADD COLUMN begins jsonb NOT NULL DEFAULT '{}';

-- How far the relay wrote, and which record was the last: a topic made anew may have grown past the old end.
ALTER TABLE store.relay_offsets RENAME TO marks;
ALTER TABLE store.marks
    ADD COLUMN record_offset bigint,            -- null until the relay has written once more
    ADD COLUMN record_ms bigint,                -- its LogAppendTime
    ADD COLUMN record_digest bytea;             -- services/kafka/consuming.py

-- Which quarter hour was told last; `tick` only numbers the ticks, because a clock may be set back.
ALTER TABLE store.relay ADD COLUMN quarter bigint NOT NULL DEFAULT 0;
UPDATE store.relay SET quarter = tick;

-- Foreign records in our topics that somebody has looked at: the audit passes over them.
CREATE TABLE store.acknowledged (
    topic text NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    acknowledged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, log_offset)
);
