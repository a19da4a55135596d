"""Reads of the read models: the live schema, a family as it is now or was at an earlier time, and waits until
everything is projected.

The bill run, the API, explanations and the audit read through this package; nothing here acts.
"""
