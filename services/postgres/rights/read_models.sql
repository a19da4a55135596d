-- The rights of each role in a schema of read models. Run once when the schema is made, as trueup_projector, which owns it,
-- and by every `trueup migrate`. Only the owner writes.

GRANT USAGE ON SCHEMA {schema} TO trueup_api, trueup_watch, trueup_ingest, trueup_relay;

-- Their progress. Data of organizations in it: the ids of meters, and where in the log the usage of each begins.
GRANT SELECT ON {schema}.positions TO trueup_api, trueup_watch, trueup_ingest, trueup_relay;

-- A grant for each table, so that in read models of another version the tables that exist can be read.
GRANT SELECT ON {schema}.facts TO trueup_api;
GRANT SELECT ON {schema}.account_directory TO trueup_api;
GRANT SELECT ON {schema}.usage_totals TO trueup_api;
-- Hashes of ids, which reveal no id to anybody who does not know it. They tell where in the log a corrected event is.
GRANT SELECT ON {schema}.seen_ids TO trueup_api;
GRANT SELECT ON {schema}.commitment_balances TO trueup_api;
GRANT SELECT ON {schema}.draws TO trueup_api;
GRANT SELECT ON {schema}.accrued_lines TO trueup_api;
GRANT SELECT ON {schema}.outlooks TO trueup_api;
GRANT SELECT ON {schema}.alerts_due TO trueup_api;
GRANT SELECT ON {schema}.bills TO trueup_api;
GRANT SELECT ON {schema}.bill_line_items TO trueup_api;
GRANT SELECT ON {schema}.due_accounts TO trueup_api;

-- Which organizations have alerts to raise.
GRANT SELECT (organization, id) ON {schema}.alerts_due TO trueup_watch;

-- Which organizations have bills to approve; how many families wait; and the amounts for the laws of conservation.
GRANT SELECT (organization, status) ON {schema}.bills TO trueup_watch;
GRANT SELECT (partition, root_id, reason) ON {schema}.due_accounts TO trueup_watch;
GRANT SELECT (commitment_id, root_id, kind, amount, spent, remaining, rolled_over, lapsed, periods)
    ON {schema}.commitment_balances TO trueup_watch;
GRANT SELECT (commitment_id, amount) ON {schema}.draws TO trueup_watch;

-- The state that an ingest worker starts from.
GRANT SELECT ON {schema}.usage_totals TO trueup_ingest;
GRANT SELECT ON {schema}.seen_ids TO trueup_ingest;
