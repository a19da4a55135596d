-- By which definition `trueup migrate` last wanted the read models to be made (projections/readmodels/registry.py). The
-- comment of a schema says by which it was made; while the live one is of another, projectors fill a new schema.
ALTER TABLE store.live_schema ADD COLUMN wanted text;
