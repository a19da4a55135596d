-- For lists of events, newest first: those of a type, and those of an account.
CREATE INDEX events_by_type ON store.events (organization, type, position);
CREATE INDEX events_by_account ON store.events (organization, account, position) WHERE account IS NOT NULL;
