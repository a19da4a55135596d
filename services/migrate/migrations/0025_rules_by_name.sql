-- An organization may have thousands of rules about levels, which the projector checks. Rules about other things are
-- found among them by the name of what they wait for, by a function, for the reason that 0013_row_security.sql gives.
CREATE INDEX entities_rules ON store.entities (organization, (body->>'eventName'))
    WHERE kind = 'notificationConfiguration';

-- The ids of active rules that wait for one of these names.
CREATE FUNCTION store.rules_waiting_for(asked text, names text[]) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog AS $$
BEGIN
    IF store.may_ask_about(asked) THEN
        RETURN QUERY SELECT id FROM store.entities
            WHERE organization = asked AND kind = 'notificationConfiguration' AND body->>'eventName' = ANY (names)
                AND body->>'active' IS DISTINCT FROM 'false';
    END IF;
END $$;
