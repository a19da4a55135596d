-- What was proved last, and when: the audit of all, and the laws of conservation over the live rows. A row each.
CREATE TABLE store.passes (
    kind text PRIMARY KEY,                      -- audit, conservation
    begun timestamptz NOT NULL,
    ended timestamptz,                          -- of the last one that did
    holds boolean,                              -- whether nothing was found
    unexplained numeric,
    positions jsonb                             -- of an audit: up to where, by partition of billing.events
);
