-- How large a record of our topics may be: TRUEUP_MAX_RECORD_BYTES as `trueup migrate` last had it, once the topics take
-- as much. Every process holds to this one number, so that nothing is accepted that another could not write.
CREATE TABLE store.limits (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    record_bytes integer NOT NULL
);
