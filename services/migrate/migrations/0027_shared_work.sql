-- The replay or audit that other machines assist (services/apart/sharing.py); empty while there is none.

CREATE TABLE store.shared_work (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    -- The version of the program that leads: only the same one assists.
    program text NOT NULL,
    work text NOT NULL,
    -- What ends it: the kind and the message of a machine's failure.
    failure text,
    message text
);

CREATE TABLE store.shared_parts (
    work bigint NOT NULL REFERENCES store.shared_work ON DELETE CASCADE,
    part integer NOT NULL,
    job text NOT NULL,
    records bigint NOT NULL,
    -- Whoever folds it, and what it said last: the records folded so far, and that it is still there.
    taken_by text,
    folded bigint NOT NULL DEFAULT 0,
    beats bigint NOT NULL DEFAULT 0,
    result text,
    PRIMARY KEY (work, part),
    -- A key, so that a transaction may hold its claim (FOR KEY SHARE) while `folded` and `beats` are updated, and the
    -- part is given to nobody else before it ends.
    UNIQUE (work, part, taken_by)
);
