-- Links that have signed a browser in and have not expired yet. Each works only once, whichever process gets it.
CREATE TABLE store.spent_links (
    id text PRIMARY KEY,
    until timestamptz NOT NULL
);
CREATE INDEX spent_links_by_end ON store.spent_links (until);
