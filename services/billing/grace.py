"""How long a bill stays pending before it is approved by itself: the organization's `autoApproveBillsGracePeriod`."""

from datetime import timedelta

from projections.resources import Resources

_UNITS = {"MINUTES": timedelta(minutes=1), "HOURS": timedelta(hours=1), "DAYS": timedelta(days=1)}


def grace_of(resources: Resources) -> timedelta:
    """The grace period; none (the default) means that bills are issued at once. A number without a unit is in days."""
    config = resources.config
    if config is None or not config.body.auto_approve_bills_grace_period:
        return timedelta(0)
    return (
        config.body.auto_approve_bills_grace_period * _UNITS[config.body.auto_approve_bills_grace_period_unit or "DAYS"]
    )
