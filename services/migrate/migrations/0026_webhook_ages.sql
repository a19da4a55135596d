-- The age of deliveries, and rests of destinations, kept for all sending processes (docs/webhooks.md, "What holds").

-- Since when a delivery is open: when it was made or last replayed.
ALTER TABLE store.webhook_deliveries ADD COLUMN opened_at timestamptz NOT NULL DEFAULT now();

-- Nothing is sent to the destination before this time.
ALTER TABLE store.webhook_destinations ADD COLUMN rests_until timestamptz NOT NULL DEFAULT '-infinity';
