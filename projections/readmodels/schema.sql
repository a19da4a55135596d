-- The read models. Everything here can be dropped and rebuilt from the log; only the projector and replay write it.
-- Columns named *_at_wall are wall-clock and take no part in the audit.

CREATE TABLE positions (
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,            -- lease: whoever raised it last may write
    sequences jsonb NOT NULL DEFAULT '{}',      -- source -> last sequence applied
    tick timestamptz,                           -- last ClockTicked of the real clock in this partition
    log_time timestamptz,                       -- newest time of a fact in this partition
    catalog_offset bigint NOT NULL DEFAULT 0,   -- next offset of billing.catalog that this partition's rows hold
    meters jsonb NOT NULL DEFAULT '{}',         -- meter -> offset of its first UsageRated: where a backfill starts
    mark jsonb,                                 -- the last record before next_offset: offset, ms of its append, digest
    moved_at_wall timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
);

-- Records in our topics that are none of ours: passed over, and named until somebody has acknowledged them.
CREATE TABLE foreign_records (
    topic text NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    why text NOT NULL,
    PRIMARY KEY (topic, partition, log_offset)
);

CREATE TABLE facts (
    partition integer NOT NULL,                 -- of billing.events; -1 is billing.catalog
    log_offset bigint NOT NULL,
    organization text NOT NULL,
    root_id text,                               -- null for organization-wide facts
    account_id text,
    resource_id text,
    type text NOT NULL,
    record bytea NOT NULL,                      -- the record's value as it stands in the log
    PRIMARY KEY (partition, log_offset)
);
CREATE INDEX facts_by_root ON facts (organization, root_id, log_offset);
CREATE INDEX facts_by_resource ON facts (organization, resource_id, log_offset);
CREATE INDEX facts_by_type ON facts (partition, organization, type);

CREATE TABLE account_directory (
    account_id text NOT NULL,
    partition integer NOT NULL,
    organization text NOT NULL,
    root_id text NOT NULL,
    timezone text NOT NULL,                     -- decided at its creation, for life
    plans text[] NOT NULL,                      -- every plan that was ever attached to it
    termed boolean NOT NULL,                    -- had a plan, a commitment or a balance: a new day may change what it owes
    PRIMARY KEY (account_id)
);
CREATE INDEX account_directory_by_root ON account_directory (organization, root_id);
CREATE INDEX account_directory_by_zone ON account_directory (partition, timezone) WHERE termed;
CREATE INDEX account_directory_by_plan ON account_directory USING gin (plans);

CREATE TABLE usage_totals (
    partition integer NOT NULL,
    organization text NOT NULL,
    account_id text NOT NULL,
    aggregation_id text NOT NULL,
    segment text NOT NULL,
    day date NOT NULL,
    records bigint NOT NULL,
    total numeric NOT NULL,                     -- sum of values
    state jsonb,                                -- what the aggregation keeps besides: extremes, latest, distinct values
    first_offset bigint NOT NULL,
    last_offset bigint NOT NULL,
    PRIMARY KEY (account_id, aggregation_id, segment, day)
);
CREATE INDEX usage_totals_by_partition ON usage_totals (partition);

CREATE TABLE seen_ids (
    partition integer NOT NULL,
    first_offset bigint NOT NULL,
    newest_arrival timestamptz NOT NULL,
    digests bytea NOT NULL,                     -- 16 bytes an id: 12 of (organization, account, source, id), 4 of content
    PRIMARY KEY (partition, first_offset)
);

CREATE TABLE commitment_balances (
    organization text NOT NULL,
    commitment_id text NOT NULL,                -- a commitment's or a balance's id
    root_id text NOT NULL,
    account_id text NOT NULL,
    kind text NOT NULL,                         -- PREPAYMENT, MINIMUM, BALANCE
    currency text NOT NULL,
    amount numeric NOT NULL,                    -- with top-ups
    spent numeric NOT NULL,
    remaining numeric NOT NULL,
    rolled_over numeric NOT NULL,
    lapsed numeric NOT NULL,
    status text NOT NULL,
    periods jsonb NOT NULL DEFAULT '[]',        -- of a MINIMUM: rules 10.3
    folded bigint NOT NULL,                     -- event-store position of its last fact that is in these numbers
    as_of date NOT NULL,                        -- the day of the last tick that status and lapse were judged at
    PRIMARY KEY (commitment_id)
);
CREATE INDEX commitment_balances_by_root ON commitment_balances (organization, root_id);

CREATE TABLE draws (
    organization text NOT NULL,
    root_id text NOT NULL,
    number integer NOT NULL,                    -- place in the order in which the root's slices draw
    commitment_id text NOT NULL,
    account_id text NOT NULL,                   -- whose charge it is
    charge jsonb NOT NULL,                      -- type, account plan, pricing, period start, out of a rollover or not
    slice_start date NOT NULL,
    amount numeric NOT NULL,
    place integer NOT NULL,                     -- place of the commitment in the slice's draw order, from 1
    PRIMARY KEY (root_id, number)
);
CREATE INDEX draws_by_commitment ON draws (commitment_id);

CREATE TABLE accrued_lines (
    organization text NOT NULL,
    root_id text NOT NULL,
    account_id text NOT NULL,                   -- the bill's account
    number integer NOT NULL,                    -- among the root's, from 1
    type text NOT NULL,
    amount numeric NOT NULL,
    quantity numeric NOT NULL,
    currency text NOT NULL,
    line jsonb NOT NULL,                        -- the whole line, as events.facts.bills.BillLine without id
    PRIMARY KEY (root_id, number)
);

CREATE INDEX accrued_lines_by_account ON accrued_lines (organization, account_id);

CREATE TABLE bills (
    organization text NOT NULL,
    bill_id text NOT NULL,
    root_id text NOT NULL,
    account_id text NOT NULL,
    bill_date date NOT NULL,
    currency text NOT NULL,
    total numeric,                              -- null while it is pending: then it is derived when it is read
    status text NOT NULL,                       -- PENDING, APPROVED; a dropped bill has no row
    version integer NOT NULL DEFAULT 1,         -- facts about it
    locked boolean NOT NULL DEFAULT false,
    voided boolean NOT NULL DEFAULT false,
    number integer NOT NULL,                    -- version in stream bills-<root> of BillIssued, or of BillOpened
    position bigint NOT NULL,                   -- event-store position of its first fact
    bill jsonb NOT NULL,                        -- BillIssued without its lines, or BillOpened with what moved since
    opened_at timestamptz,                      -- null: it was issued at once
    issued_at timestamptz,
    locked_at timestamptz,
    PRIMARY KEY (bill_id)
);
CREATE INDEX bills_pending ON bills (organization, opened_at) WHERE status = 'PENDING';
CREATE INDEX bills_by_account ON bills (organization, account_id, bill_date);
CREATE INDEX bills_by_root ON bills (root_id, number);

CREATE TABLE bill_line_items (
    organization text NOT NULL,
    bill_id text NOT NULL,
    number integer NOT NULL,
    line_id text NOT NULL,
    root_id text NOT NULL,
    account_id text NOT NULL,                   -- whose charge it is
    type text NOT NULL,
    commitment_id text,
    amount numeric NOT NULL,
    quantity numeric NOT NULL,
    line jsonb NOT NULL,                        -- events.facts.bills.BillLine
    PRIMARY KEY (bill_id, number)
);
CREATE INDEX bill_line_items_by_root ON bill_line_items (root_id);
CREATE INDEX bill_line_items_by_commitment ON bill_line_items (organization, commitment_id, type);

-- A root stands here while its settled rows (balances, draws, accrued lines) are older than its facts, catalog or day.
CREATE TABLE due_accounts (
    partition integer NOT NULL,
    organization text NOT NULL,
    root_id text NOT NULL,
    reason text NOT NULL,                       -- catalog, clock, rebuild, failed
    PRIMARY KEY (root_id)
);
CREATE INDEX due_accounts_by_partition ON due_accounts (partition);
