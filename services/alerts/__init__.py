"""Alerts: what rules found becomes a fact, once."""
