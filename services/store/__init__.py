"""The event store in Postgres: commands become events here; the order of events is the order of commits."""
