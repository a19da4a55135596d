-- The largest record of our topics: TRUEUP_MAX_RECORD_BYTES of the last `trueup migrate`, once the topics take as much.
-- Every process uses this one number, so that none accepts what another could not write.
CREATE TABLE store.limits (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    record_bytes integer NOT NULL
);
