-- The replay or audit that other machines assist (services/apart/sharing.py); empty while there is none.

CREATE TABLE store.shared_work (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    -- The version of the program that leads: only the same one assists.
    program text NOT NULL,
    work text NOT NULL,
    -- Raised each second by the machine that leads; who assists gives up when it stands still.
    beats bigint NOT NULL DEFAULT 0,
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
    PRIMARY KEY (work, part)
);
