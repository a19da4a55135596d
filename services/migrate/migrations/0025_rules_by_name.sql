-- An organization may have thousands of rules that wait for a level, which the projector looks at: those that wait for
-- something else are found beside them by its name. A function does it, as 0013_row_security.sql says why.
CREATE INDEX entities_rules ON store.entities (organization, (body->>'eventName'))
    WHERE kind = 'notificationConfiguration';

-- Active rules that wait for one of these names.
CREATE FUNCTION store.rules_waiting_for(asked text, names text[]) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog AS $$
BEGIN
    IF store.may_ask_about(asked) THEN
        RETURN QUERY SELECT id FROM store.entities
            WHERE organization = asked AND kind = 'notificationConfiguration' AND body->>'eventName' = ANY (names)
                AND body->>'active' IS DISTINCT FROM 'false';
    END IF;
END $$;
