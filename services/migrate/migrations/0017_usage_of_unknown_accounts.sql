-- Refused usage of accounts that are not there: it is looked through once a second. 0021_held_usage.sql replaces this.
CREATE INDEX refused_usage_of_unknown ON store.refused_usage (organization, refused, position)
    WHERE replayed IS NULL AND reason = 'unknown-account' AND NOT cut;
