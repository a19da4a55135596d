"""The projection: records of `billing.events` and `billing.catalog` in, rows of the read models out.

The live projector, replay and audit all host the same core, `Projection`, so they cannot disagree.
"""
