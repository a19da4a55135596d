"""Alerts: the findings of rules become facts, once."""
