"""Carries facts from the event store to Kafka, in commit order, and writes ticks of the clock into every partition."""
