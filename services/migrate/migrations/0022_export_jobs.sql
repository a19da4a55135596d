-- Exports that were asked for over HTTP: their range and progress. Their files are where TRUEUP_EXPORTS says.

CREATE TABLE store.export_jobs (
    organization text NOT NULL,
    id text NOT NULL,
    sequence bigint GENERATED ALWAYS AS IDENTITY,           -- order of creation
    version bigint NOT NULL DEFAULT 1,
    status text NOT NULL DEFAULT 'PENDING',                 -- PENDING, RUNNING, SUCCEEDED, FAILED
    request json NOT NULL,                                  -- the body as it was sent
    since text,                                             -- watermarks: fixed when it is made, so who takes the job
    until text,                                             -- up again writes the same bytes; null: it is of usage
    rows bigint,                                            -- of the file, once it is there
    message text,                                           -- why there is none
    created timestamptz NOT NULL,
    started timestamptz,
    modified timestamptz NOT NULL,
    created_by text,
    PRIMARY KEY (organization, id)
);
CREATE INDEX export_jobs_newest ON store.export_jobs (organization, sequence);
CREATE INDEX export_jobs_open ON store.export_jobs (status) WHERE status IN ('PENDING', 'RUNNING');
