-- What each role may do in a schema of read models. Run once when the schema is made, as trueup_projector, which owns it,
-- and by every `trueup migrate`. Nobody but the owner writes.

GRANT USAGE ON SCHEMA {schema} TO trueup_api, trueup_watch, trueup_ingest, trueup_relay;

-- How far they are. Of organizations it has the ids of meters, and where in the log the usage of each begins.
GRANT SELECT ON {schema}.positions TO trueup_api, trueup_watch, trueup_ingest, trueup_relay;

-- A grant for each table, so that of read models of another version what is there can be read.
GRANT SELECT ON {schema}.facts TO trueup_api;
GRANT SELECT ON {schema}.account_directory TO trueup_api;
GRANT SELECT ON {schema}.usage_totals TO trueup_api;
-- Hashes, of which nobody learns an id that he does not know: they say where in the log an event is that is corrected.
GRANT SELECT ON {schema}.seen_ids TO trueup_api;
GRANT SELECT ON {schema}.commitment_balances TO trueup_api;
GRANT SELECT ON {schema}.draws TO trueup_api;
GRANT SELECT ON {schema}.accrued_lines TO trueup_api;
GRANT SELECT ON {schema}.outlooks TO trueup_api;
GRANT SELECT ON {schema}.alerts_due TO trueup_api;
GRANT SELECT ON {schema}.bills TO trueup_api;
GRANT SELECT ON {schema}.bill_line_items TO trueup_api;
GRANT SELECT ON {schema}.due_accounts TO trueup_api;

-- Who has alerts to raise.
GRANT SELECT (organization, id) ON {schema}.alerts_due TO trueup_watch;

-- Who has bills to approve; how many families wait; and what no law of conservation explains.
GRANT SELECT (organization, status) ON {schema}.bills TO trueup_watch;
GRANT SELECT (partition, root_id, reason) ON {schema}.due_accounts TO trueup_watch;
GRANT SELECT (commitment_id, root_id, kind, amount, spent, remaining, rolled_over, lapsed, periods)
    ON {schema}.commitment_balances TO trueup_watch;
GRANT SELECT (commitment_id, amount) ON {schema}.draws TO trueup_watch;

-- What an ingest worker begins from.
GRANT SELECT ON {schema}.usage_totals TO trueup_ingest;
GRANT SELECT ON {schema}.seen_ids TO trueup_ingest;
