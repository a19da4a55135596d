-- What audits have proved, signed (services/audit/checkpoint.py). Rows are only added; the read models as the newest of
-- them proved them stand in schema `checkpoint`.
CREATE TABLE store.checkpoints (
    number bigint PRIMARY KEY,
    token text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
