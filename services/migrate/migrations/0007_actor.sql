-- Who caused an event, created or changed a resource, or asked for a bill job. Null: not known, or from before this was
-- kept. The columns have no default, so that adding them does not rewrite the table, however large it is.
ALTER TABLE store.events ADD COLUMN actor text;
ALTER TABLE store.entities ADD COLUMN created_by text, ADD COLUMN modified_by text;
ALTER TABLE store.bill_jobs ADD COLUMN created_by text, ADD COLUMN modified_by text;
