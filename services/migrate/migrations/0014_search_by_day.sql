-- Of many commitments those that begin or end on some days are found by an index. It is one of columns, since under row
-- security nothing is looked up by a field of the body (0013 says why); days and instants compare as texts.
ALTER TABLE store.entities
    ADD COLUMN start_date text COLLATE "C" GENERATED ALWAYS AS (body->>'startDate') STORED,
    ADD COLUMN end_date text COLLATE "C" GENERATED ALWAYS AS (body->>'endDate') STORED;
CREATE INDEX entities_by_start ON store.entities (organization, kind, start_date, position) WHERE start_date IS NOT NULL;
CREATE INDEX entities_by_end ON store.entities (organization, kind, end_date, position) WHERE end_date IS NOT NULL;
