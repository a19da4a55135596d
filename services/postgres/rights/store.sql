-- What each role may do in schema `store`. Run by every `trueup migrate`, as the owner of the tables; changes nothing
-- where it ran before. Rows are kept apart by row security (services/postgres/rights.py).

GRANT USAGE ON SCHEMA store
    TO trueup_api, trueup_watch, trueup_ingest, trueup_projector, trueup_relay, trueup_webhooks;

-- What every process knows before it works. None of it is an organization's.
GRANT SELECT ON store.generations, store.past_generations, store.limits, store.topics, store.live_schema
    TO trueup_api, trueup_watch, trueup_ingest, trueup_projector, trueup_relay, trueup_webhooks;

-- How far store, relay and log are: all who compare them (services/continuity/). Of the events only how many.
GRANT SELECT ON store.relay, store.marks TO trueup_watch, trueup_ingest, trueup_projector, trueup_relay;
GRANT SELECT (position) ON store.events TO trueup_watch, trueup_ingest, trueup_projector;

-- Requests and bill jobs, each for its organization. Events are never changed.
GRANT SELECT, INSERT ON store.events TO trueup_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON store.entities, store.idempotency TO trueup_api;
GRANT SELECT, INSERT, UPDATE ON store.bill_jobs, store.export_jobs, store.invoice_numbers TO trueup_api;
GRANT SELECT, UPDATE, DELETE ON store.refused_usage TO trueup_api;
REVOKE EXECUTE ON FUNCTION store.ids_with_codes, store.referring, store.events_of_bill, store.rules_waiting_for FROM PUBLIC;
GRANT EXECUTE ON FUNCTION store.ids_with_codes, store.referring, store.events_of_bill, store.rules_waiting_for TO trueup_api;

-- Personal data: requests seal, open and forget, ingest seals, and what is sent to webhooks is opened.
GRANT SELECT, INSERT ON store.personal_keys TO trueup_api, trueup_ingest;
GRANT SELECT (organization, key_id, key, wrapped_by) ON store.personal_keys TO trueup_watch;
GRANT UPDATE (key) ON store.personal_keys TO trueup_api;
GRANT SELECT (organization, key_id, key, wrapped_by) ON store.personal_keys TO trueup_webhooks;

-- The API's process beside its requests: which jobs are open, and whose usage is held.
GRANT SELECT ON store.bill_jobs, store.export_jobs TO trueup_watch;
GRANT SELECT (organization, replayed, held_until) ON store.refused_usage TO trueup_watch;

-- Who has had events that rules may wait for, and whose rules there are; each looks on from where it was.
GRANT SELECT (organization, position, type) ON store.events TO trueup_watch;
GRANT SELECT (organization, kind) ON store.entities TO trueup_watch;
GRANT SELECT, INSERT, UPDATE ON store.alert_positions TO trueup_api;

-- Webhooks: a request may keep a secret, and can never read one again.
GRANT SELECT, INSERT, UPDATE, DELETE ON store.webhook_destinations, store.webhook_deliveries TO trueup_api;
GRANT SELECT, INSERT, UPDATE ON store.webhook_positions TO trueup_api;
GRANT SELECT (organization, webhook_id, secret_id, digest, made_at, made_by, ends_at) ON store.webhook_secrets
    TO trueup_api;
GRANT INSERT, DELETE ON store.webhook_secrets TO trueup_api;
GRANT UPDATE (ends_at) ON store.webhook_secrets TO trueup_api;
GRANT SELECT (organization) ON store.webhook_destinations TO trueup_watch;

-- Who sends reads nothing but what is sent, and to whom, and says how long nothing is.
GRANT SELECT ON store.webhook_destinations, store.webhook_secrets TO trueup_webhooks;
GRANT SELECT, UPDATE, DELETE ON store.webhook_deliveries TO trueup_webhooks;
GRANT UPDATE (rests_until) ON store.webhook_destinations TO trueup_webhooks;

-- And what was proved last: it passes over the laws of conservation from time to time, and shows what an audit found.
GRANT SELECT, INSERT, UPDATE ON store.passes TO trueup_watch;

GRANT SELECT (route) ON store.events TO trueup_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON store.refused_usage TO trueup_ingest;
GRANT SELECT, INSERT, UPDATE ON store.refused_positions TO trueup_ingest;

-- Of the live schema: which one it is.
GRANT UPDATE (name) ON store.live_schema TO trueup_projector;

-- Parts of a bill are put together again for its lines.
GRANT SELECT ON store.events TO trueup_relay;
GRANT EXECUTE ON FUNCTION store.events_of_bill TO trueup_relay;
GRANT UPDATE ON store.relay TO trueup_relay;
GRANT INSERT, UPDATE, DELETE ON store.marks TO trueup_relay;

-- Who may sign in is asked before anybody is known: the process asks, never a request.
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

-- A link that signs somebody in is good once, and it is followed before anybody is known.
GRANT SELECT, INSERT, DELETE ON store.spent_links TO trueup_watch;

-- How far audits have come, for /metrics.
GRANT SELECT ON store.checkpoints TO trueup_watch;
