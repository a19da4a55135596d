-- Links that have signed a browser in, of those that could still be followed: each is good once, at whichever process.
CREATE TABLE store.spent_links (
    id text PRIMARY KEY,
    until timestamptz NOT NULL
);
CREATE INDEX spent_links_by_end ON store.spent_links (until);
