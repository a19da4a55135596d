-- What happened to resources, newest first: of a type, and to an account.
CREATE INDEX events_by_type ON store.events (organization, type, position);
CREATE INDEX events_by_account ON store.events (organization, account, position) WHERE account IS NOT NULL;
