-- The version of the read models that `trueup migrate` last wanted (projections/readmodels/registry.py). The comment on
-- a schema has the version that it was made by; while the live one's differs, projectors fill a new schema.
ALTER TABLE store.live_schema ADD COLUMN wanted text;
