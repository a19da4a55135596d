"""The projector: folds `billing.events` and `billing.catalog` into the read models.

`Projection` is the core; the live worker, replay and audit are hosts around it, so they cannot disagree.
"""
