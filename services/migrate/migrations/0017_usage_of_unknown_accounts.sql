-- Whose accounts may be made by their usage (services/refusals/making_accounts.py): looked for once a second.
CREATE INDEX refused_usage_of_unknown ON store.refused_usage (organization, refused, position)
    WHERE replayed IS NULL AND reason = 'unknown-account' AND NOT cut;
