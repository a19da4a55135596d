-- Indexes to find commitments by the days on which they begin or end. They are on columns of their own, because under
-- row security an index on a field of the body would not be used (see 0013). Days and instants compare as texts.
ALTER TABLE store.entities
    ADD COLUMN start_date text COLLATE "C" GENERATED ALWAYS AS (body->>'startDate') STORED,
    ADD COLUMN end_date text COLLATE "C" GENERATED ALWAYS AS (body->>'endDate') STORED;
CREATE INDEX entities_by_start ON store.entities (organization, kind, start_date, position) WHERE start_date IS NOT NULL;
CREATE INDEX entities_by_end ON store.entities (organization, kind, end_date, position) WHERE end_date IS NOT NULL;
