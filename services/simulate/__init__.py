"""Simulate: billing stories from YAML files, played through the product's own pure functions (docs/scenarios.md)."""
