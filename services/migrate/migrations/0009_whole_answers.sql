-- Whether a kept answer is complete. Fields that settlement derives are added after the command's commit; until then
-- the answer has only what the command itself knows of the resource.
ALTER TABLE store.idempotency ADD COLUMN whole boolean NOT NULL DEFAULT true;
