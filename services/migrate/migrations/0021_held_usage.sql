-- Usage that waits for its account or its meter: a refused record with a time until which it is held
-- (services/refusals/releasing.py). About once a second it is checked whether the account or meter exists by now.
ALTER TABLE store.refused_usage
    ADD COLUMN meter text,                      -- the code that it names
    ADD COLUMN held_until timestamptz;          -- by its organization's clock; NULL: it is not held, or not any more
DROP INDEX store.refused_usage_of_unknown, store.refused_usage_open, store.refused_usage_oldest;
CREATE INDEX refused_usage_open ON store.refused_usage (organization, position)
    WHERE replayed IS NULL AND held_until IS NULL;
CREATE INDEX refused_usage_oldest ON store.refused_usage (organization, refused)
    WHERE replayed IS NULL AND held_until IS NULL;
CREATE INDEX refused_usage_held ON store.refused_usage (organization, position)
    WHERE replayed IS NULL AND held_until IS NOT NULL;
CREATE INDEX refused_usage_held_until ON store.refused_usage (organization, held_until)
    WHERE replayed IS NULL AND held_until IS NOT NULL;
CREATE INDEX refused_usage_of_unknown_account ON store.refused_usage (organization, account, refused, position)
    WHERE replayed IS NULL AND held_until IS NOT NULL AND reason = 'unknown-account';
CREATE INDEX refused_usage_of_unknown_meter ON store.refused_usage (organization, meter, refused, position)
    WHERE replayed IS NULL AND held_until IS NOT NULL AND reason = 'unknown-meter';
