"""Webhooks: events are sent to the destinations that ask for them."""
