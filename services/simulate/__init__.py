"""Plays billing stories from YAML files through the product's own pure functions, or live (docs/scenarios.md)."""
