-- Signed statements of what audits have proved (services/audit/checkpoint.py). Rows are only added. The read models as
-- proved by the newest one are in schema `checkpoint`.
CREATE TABLE store.checkpoints (
    number bigint PRIMARY KEY,
    token text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
