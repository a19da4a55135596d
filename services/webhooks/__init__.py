"""Webhooks: what happened is sent to those who asked to be told."""
