"""How long a bill stays pending before it is approved by itself: the organization's `autoApproveBillsGracePeriod`."""

from datetime import timedelta

from projections.resources import Resources


def grace_of(resources: Resources) -> timedelta:
    """The grace period; none (the default) means that bills are issued at once."""
    return timedelta(0) if resources.config is None else resources.config.body.grace_period
