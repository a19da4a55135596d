"""Every fact by its type name: the vocabulary of the log."""

import inspect
from types import ModuleType

from events.facts import alerts, automation, bills, catalog, clock, commitments, corrections, resources, usage
from events.facts.base import Fact

_ABSTRACT = {
    *("Fact", "BillFact", "ResourceFact", "ResourceCreated", "ResourceUpdated", "ResourceDeleted", "FeesChanged"),
    *("BalanceScheduleUpdated", "BalanceScheduleDeleted", "UsageCorrection", "Alert"),
}


def _facts_of(module: ModuleType) -> dict[str, type[Fact]]:
    return {
        name: member
        for name, member in vars(module).items()
        if inspect.isclass(member) and issubclass(member, Fact) and name not in _ABSTRACT and "[" not in name
    }


FACTS: dict[str, type[Fact]] = {
    name: fact
    for module in (resources, catalog, commitments, usage, corrections, clock, bills, alerts, automation)
    for name, fact in _facts_of(module).items()
}
