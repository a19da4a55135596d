-- What each role may do in a schema of read models, which the search path names. Run once when the schema is made, as
-- trueup_projector, which owns it, and by every `trueup migrate`. Nobody but the owner writes.

GRANT USAGE ON SCHEMA {schema} TO trueup_api, trueup_watch, trueup_ingest, trueup_relay;

-- How far they are. Of organizations it has the ids of meters, and where in the log the usage of each begins.
GRANT SELECT ON positions TO trueup_api, trueup_watch, trueup_ingest, trueup_relay;

GRANT SELECT ON facts, account_directory, usage_totals, commitment_balances, draws, accrued_lines, bills,
    bill_line_items, due_accounts TO trueup_api;

-- Who has bills to approve; how many families wait; and /metrics: what no law of conservation explains.
GRANT SELECT (organization, status) ON bills TO trueup_watch;
GRANT SELECT (partition) ON due_accounts TO trueup_watch;
GRANT SELECT (commitment_id, kind, amount, spent, remaining, rolled_over, lapsed, periods) ON commitment_balances
    TO trueup_watch;
GRANT SELECT (commitment_id, amount) ON draws TO trueup_watch;

-- What an ingest worker begins from.
GRANT SELECT ON usage_totals, seen_ids TO trueup_ingest;
