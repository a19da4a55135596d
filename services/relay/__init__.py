"""Carries facts from the event store to Kafka, in commit order, and tells every partition the time."""
