-- What was proved last, and when: one row for the audit, and one for the laws of conservation over the live rows.
CREATE TABLE store.passes (
    kind text PRIMARY KEY,                      -- audit, conservation
    begun timestamptz NOT NULL,
    ended timestamptz,                          -- when the last complete one ended
    holds boolean,                              -- whether nothing was found
    unexplained numeric,
    positions jsonb                             -- of an audit: how far it went in each partition of billing.events
);
