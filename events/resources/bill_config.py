"""What holds for all bills of an organization."""

from events.resources.base import Day, Resource


class BillConfig(Resource):
    """One per organization. A bill that is issued and whose date is not after `billLockDate` is locked."""

    bill_lock_date: Day | None = None
