-- Who did it: of an event, of what the view shows of a resource, and of a bill job. Null: nobody said so, or it was done
-- before this was kept. Columns without a default are added without a rewrite of the table, however large it is.
ALTER TABLE store.events ADD COLUMN actor text;
ALTER TABLE store.entities ADD COLUMN created_by text, ADD COLUMN modified_by text;
ALTER TABLE store.bill_jobs ADD COLUMN created_by text, ADD COLUMN modified_by text;
