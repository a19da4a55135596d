"""The projector: keeps the live read models up with the log. What it does with a record is `services.projection`'s."""
