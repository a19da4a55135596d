-- Row security (services/postgres/rights.py) adds a condition on the organization to every query of the API. Postgres
-- then uses no index on an expression or array before it has checked that condition, because evaluating these could
-- reveal rows that must not be seen. Three look-ups need such an index all the same. They are functions that run with
-- the rights of the tables' owner, and check the caller's organization themselves.

-- Whether the caller may read this organization's rows: the tables' owner and the relay, which publishes everybody's
-- events, may read those of all, anybody else only those of their own.
CREATE FUNCTION store.may_ask_about(asked text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT asked IS NOT DISTINCT FROM current_setting('trueup.organization', true)
        OR current_setting('role') = 'trueup_relay'
        OR current_setting('role') = 'none' AND pg_has_role(session_user, current_user, 'USAGE')
$$;

CREATE FUNCTION store.ids_with_codes(asked text, of_kind text, codes text[]) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog AS $$
BEGIN
    IF store.may_ask_about(asked) THEN
        RETURN QUERY SELECT id FROM store.entities
            WHERE organization = asked AND kind = of_kind AND body ? 'code' AND body->>'code' = ANY (codes);
    END IF;
END $$;

-- The resources that refer to one of these ids.
CREATE FUNCTION store.referring(asked text, ids text[]) RETURNS TABLE (of_kind text, of_id text, made bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog AS $$
BEGIN
    IF store.may_ask_about(asked) THEN
        RETURN QUERY SELECT kind, id, position FROM store.entities WHERE organization = asked AND refs && ids;
    END IF;
END $$;

-- Positions of the facts about a bill.
CREATE FUNCTION store.events_of_bill(asked text, bill text) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog AS $$
BEGIN
    IF store.may_ask_about(asked) THEN
        RETURN QUERY SELECT position FROM store.events
            WHERE organization = asked AND stream LIKE 'bills-%' AND data->>'billId' = bill;
    END IF;
END $$;

-- What belongs to an account is searched for among what belongs to its root account, newest first.
CREATE INDEX entities_of_root ON store.entities (organization, root_id, kind, position);
DROP INDEX store.entities_by_root, store.entities_by_account;

-- Expired idempotency keys are deleted by their organization's next request.
CREATE INDEX idempotency_over ON store.idempotency (organization, made_at);
DROP INDEX store.idempotency_by_age;
