"""The event store in Postgres: commands become events here, in an order that is the order of their commits."""
