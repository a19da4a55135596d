"""The projector: keeps the live read models up to date with the log. `services.projection` applies the records."""
