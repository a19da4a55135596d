-- Deliveries to webhooks have an age, and destinations a rest, whichever process sends (docs/webhooks.md, "What holds").

-- Since when a delivery is open: made, or replayed last.
ALTER TABLE store.webhook_deliveries ADD COLUMN opened_at timestamptz NOT NULL DEFAULT now();

-- Nothing is sent there before.
ALTER TABLE store.webhook_destinations ADD COLUMN rests_until timestamptz NOT NULL DEFAULT '-infinity';
