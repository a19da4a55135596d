"""Facts about one-off charges of accounts."""

from events.facts.resources import ResourceCreated, ResourceDeleted, ResourceUpdated
from events.resources.charges import AccountCharge


class AccountChargeCreated(ResourceCreated[AccountCharge]):
    pass


class AccountChargeUpdated(ResourceUpdated[AccountCharge]):
    pass


class AccountChargeDeleted(ResourceDeleted):
    pass
