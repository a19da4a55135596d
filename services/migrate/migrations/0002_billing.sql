-- Bill jobs and invoice numbers: what the bill run needs to remember besides the events that it appends.

CREATE TABLE store.bill_jobs (
    organization text NOT NULL,
    id text NOT NULL,
    sequence bigint GENERATED ALWAYS AS IDENTITY,           -- order of creation
    version bigint NOT NULL DEFAULT 1,
    status text NOT NULL DEFAULT 'PENDING',                 -- PENDING, INITIALIZING, RUNNING, COMPLETE, CANCELLED
    request json NOT NULL,                                  -- the body as it was sent
    through date NOT NULL,                                  -- settle what is due on or before this date
    total integer NOT NULL DEFAULT 0,                       -- root accounts to settle
    settled integer NOT NULL DEFAULT 0,
    bill_ids text[] NOT NULL DEFAULT '{}',
    created timestamptz NOT NULL,
    modified timestamptz NOT NULL,
    PRIMARY KEY (organization, id)
);
CREATE INDEX bill_jobs_newest ON store.bill_jobs (organization, sequence);
CREATE INDEX bill_jobs_open ON store.bill_jobs (status) WHERE status IN ('PENDING', 'INITIALIZING', 'RUNNING');

-- Sequential invoice numbers without gaps: raised in the transaction that appends the bill.
CREATE TABLE store.invoice_numbers (
    organization text PRIMARY KEY,
    last bigint NOT NULL
);
