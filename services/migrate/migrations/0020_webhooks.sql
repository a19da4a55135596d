-- Webhooks (services/webhooks/, docs/webhooks.md). A destination's name and the events that it gets are a resource like
-- all others. Here is what the sending process reads, which is nothing else, and what must be no fact in the log:
-- secrets, which are deleted once they are replaced, and the state of each delivery.

CREATE TABLE store.webhook_destinations (
    organization text NOT NULL,
    webhook_id text NOT NULL,
    url text NOT NULL,
    active boolean NOT NULL,
    event_types text[],                         -- null: all alerts
    since bigint NOT NULL,                      -- events behind this position are sent
    PRIMARY KEY (organization, webhook_id)
);

-- At most two secrets of a destination are valid at a time.
CREATE TABLE store.webhook_secrets (
    organization text NOT NULL,
    webhook_id text NOT NULL,
    secret_id text NOT NULL,
    secret bytea NOT NULL,                      -- as it is, or sealed with the operator's key
    sealed boolean NOT NULL,
    digest bytea NOT NULL,                      -- SHA-256 of the secret, to find out whether another one is the same
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    made_by text,
    ends_at timestamptz,
    PRIMARY KEY (organization, webhook_id, secret_id)
);

-- How far each organization's events were read for webhooks (services/webhooks/announcing.py).
CREATE TABLE store.webhook_positions (
    organization text PRIMARY KEY,
    position bigint NOT NULL
);

CREATE TABLE store.webhook_deliveries (
    organization text NOT NULL,
    webhook_id text NOT NULL,
    delivery_id text NOT NULL,                  -- what the receiver knows it by: webhook-id
    number bigint GENERATED ALWAYS AS IDENTITY,
    event_id text,                              -- null: a test
    event_type text NOT NULL,
    subject text NOT NULL,                      -- what it is about; those of one subject are sent one after the other
    body text NOT NULL,
    status text NOT NULL,                       -- WAITING, PENDING, DELIVERED or DEAD
    made_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,        -- since it was made or last replayed
    next_attempt timestamptz,                   -- of a PENDING one; during an attempt, when that attempt counts as lost
    claim text,                                 -- which process makes the attempt
    last_attempt timestamptz,
    last_status integer,                        -- what the receiver answered
    last_error text,                            -- why it counts as not delivered
    ended_at timestamptz,
    PRIMARY KEY (organization, webhook_id, delivery_id)
);
-- To find what is to be sent, and when.
CREATE INDEX webhook_deliveries_due ON store.webhook_deliveries (next_attempt) WHERE status = 'PENDING';
CREATE INDEX webhook_deliveries_of_destination ON store.webhook_deliveries (organization, webhook_id, next_attempt)
    WHERE status = 'PENDING';
-- To find the deliveries that wait for an earlier one of their subject.
CREATE INDEX webhook_deliveries_open ON store.webhook_deliveries (organization, webhook_id, subject, number)
    WHERE status IN ('WAITING', 'PENDING');
-- For lists, newest first.
CREATE INDEX webhook_deliveries_listed ON store.webhook_deliveries (organization, webhook_id, number);
CREATE INDEX webhook_deliveries_dead ON store.webhook_deliveries (organization, webhook_id, number)
    WHERE status = 'DEAD';
-- To find what has been kept for long enough, and is deleted.
CREATE INDEX webhook_deliveries_ended ON store.webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;
