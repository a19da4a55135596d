-- Whether a kept answer has all that its first client is told: what settlement derives is read after the command's
-- commit, and until then the key stands for the resource alone.
ALTER TABLE store.idempotency ADD COLUMN whole boolean NOT NULL DEFAULT true;
