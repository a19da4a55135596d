"""The projection: records of `billing.events` and `billing.catalog` in, rows of the read models out.

`Projection` is the core; the live projector, replay and audit are hosts around it, so they cannot disagree.
"""
