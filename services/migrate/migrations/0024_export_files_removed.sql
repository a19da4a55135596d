-- When the file of an export was removed, because it was kept for long enough.

ALTER TABLE store.export_jobs ADD removed timestamptz;
CREATE INDEX export_jobs_kept ON store.export_jobs (modified)
    WHERE status IN ('SUCCEEDED', 'FAILED') AND removed IS NULL;
