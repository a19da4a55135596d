"""Services act: HTTP, Kafka, Postgres, clocks and ids. Imports events and projections; nothing imports it."""
