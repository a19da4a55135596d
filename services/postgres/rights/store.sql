-- The rights of each role in schema `store`. Run by every `trueup migrate`, as the owner of the tables; changes nothing
-- where it ran before. Rows are kept apart by row security (services/postgres/rights.py).

GRANT USAGE ON SCHEMA store
    TO trueup_api, trueup_watch, trueup_ingest, trueup_projector, trueup_relay, trueup_webhooks;

-- What every process reads before it works. None of it belongs to an organization.
GRANT SELECT ON store.generations, store.past_generations, store.limits, store.topics, store.live_schema
    TO trueup_api, trueup_watch, trueup_ingest, trueup_projector, trueup_relay, trueup_webhooks;

-- The progress of store, relay and log, for all processes that compare them (services/continuity/). Of events only the
-- positions.
GRANT SELECT ON store.relay, store.marks TO trueup_watch, trueup_ingest, trueup_projector, trueup_relay;
GRANT SELECT (position) ON store.events TO trueup_watch, trueup_ingest, trueup_projector;

-- For requests and bill jobs, each within its organization. Events are never changed.
GRANT SELECT, INSERT ON store.events TO trueup_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON store.entities, store.idempotency TO trueup_api;
GRANT SELECT, INSERT, UPDATE ON store.bill_jobs, store.export_jobs, store.invoice_numbers TO trueup_api;
GRANT SELECT, UPDATE, DELETE ON store.refused_usage TO trueup_api;
REVOKE EXECUTE ON FUNCTION store.ids_with_codes, store.referring, store.events_of_bill, store.rules_waiting_for FROM PUBLIC;
GRANT EXECUTE ON FUNCTION store.ids_with_codes, store.referring, store.events_of_bill, store.rules_waiting_for TO trueup_api;

-- Personal data: requests seal, open and forget it, ingest seals it, and webhooks open it for their deliveries.
GRANT SELECT, INSERT ON store.personal_keys TO trueup_api, trueup_ingest;
GRANT SELECT (organization, key_id, key, wrapped_by) ON store.personal_keys TO trueup_watch;
GRANT UPDATE (key) ON store.personal_keys TO trueup_api;
GRANT SELECT (organization, key_id, key, wrapped_by) ON store.personal_keys TO trueup_webhooks;

-- For the API's tasks beside its requests: which jobs are open, and which organizations have held usage.
GRANT SELECT ON store.bill_jobs, store.export_jobs TO trueup_watch;
GRANT SELECT (organization, replayed, held_until) ON store.refused_usage TO trueup_watch;

-- Which organizations have had events that rules may wait for, and which have rules; and the position up to which events
-- were looked at.
GRANT SELECT (organization, position, type) ON store.events TO trueup_watch;
GRANT SELECT (organization, kind) ON store.entities TO trueup_watch;
GRANT SELECT, INSERT, UPDATE ON store.alert_positions TO trueup_api;

-- Webhooks: a request may store a secret, and can never read one again.
GRANT SELECT, INSERT, UPDATE, DELETE ON store.webhook_destinations, store.webhook_deliveries TO trueup_api;
GRANT SELECT, INSERT, UPDATE ON store.webhook_positions TO trueup_api;
GRANT SELECT (organization, webhook_id, secret_id, digest, made_at, made_by, ends_at) ON store.webhook_secrets
    TO trueup_api;
GRANT INSERT, DELETE ON store.webhook_secrets TO trueup_api;
GRANT UPDATE (ends_at) ON store.webhook_secrets TO trueup_api;
GRANT SELECT (organization) ON store.webhook_destinations TO trueup_watch;

-- The sender of webhooks reads only deliveries and destinations, and notes until when a destination rests.
GRANT SELECT ON store.webhook_destinations, store.webhook_secrets TO trueup_webhooks;
GRANT SELECT, UPDATE, DELETE ON store.webhook_deliveries TO trueup_webhooks;
GRANT UPDATE (rests_until) ON store.webhook_destinations TO trueup_webhooks;

-- The results of the last proofs: the API checks the laws of conservation from time to time, and shows an audit's result.
GRANT SELECT, INSERT, UPDATE ON store.passes TO trueup_watch;

GRANT SELECT (route) ON store.events TO trueup_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON store.refused_usage TO trueup_ingest;
GRANT SELECT, INSERT, UPDATE ON store.refused_positions TO trueup_ingest;

-- The name of the live schema, which a projector changes when it replaces the read models.
GRANT UPDATE (name) ON store.live_schema TO trueup_projector;
-- Works that replays and audits share with other machines; a projector that replays ends what a killed one has left.
GRANT SELECT, INSERT, UPDATE, DELETE ON store.shared_work, store.shared_parts TO trueup_projector;

-- The relay reads events; it puts the parts of a divided bill together for the bill's lines.
GRANT SELECT ON store.events TO trueup_relay;
GRANT EXECUTE ON FUNCTION store.events_of_bill TO trueup_relay;
GRANT UPDATE ON store.relay TO trueup_relay;
GRANT INSERT, UPDATE, DELETE ON store.marks TO trueup_relay;

-- Keys are read before a caller is known: by the process, never by a request.
DO $$
DECLARE
    held regclass;
BEGIN
    FOREACH held IN ARRAY ARRAY[to_regclass('store.access_keys'), to_regclass('store.token_secrets')] LOOP
        IF held IS NOT NULL THEN
            EXECUTE format('GRANT SELECT ON %s TO trueup_watch', held);
        END IF;
    END LOOP;
END $$;

-- Sign-in links are valid once, and are followed before a caller is known.
GRANT SELECT, INSERT, DELETE ON store.spent_links TO trueup_watch;

-- The progress of audits, for /metrics.
GRANT SELECT ON store.checkpoints TO trueup_watch;
