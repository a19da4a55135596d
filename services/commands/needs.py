"""The further resources that deciding a command needs, beyond the resource itself, those its body refers to and those
that may share its code. They are values in a kind's rules, and `services/store/loading.py` reads them from the store.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class Siblings(NamedTuple):
    """The accounts with the same parent, if it has one."""


class Referring(NamedTuple):
    """For an existing resource: resources of these kinds that refer to it."""

    kinds: tuple[str, ...]


class Naming(NamedTuple):
    """For an existing resource: all resources of a kind that may name it by its code. Also needed to delete it."""

    kind: str


class Named(NamedTuple):
    """The resources of a kind whose codes stand in its body."""

    kind: str
    codes: Callable[[Any], Iterable[str]]


class AccountPlans(NamedTuple):
    """The account plans of its account, and optionally of that account's parent, each with its plans and their
    templates.
    """

    of_parent: bool = False
    #: The bodies that need them; None: all.
    of: Callable[[Any], bool] | None = None


class OnPlanGroup(NamedTuple):
    """The account plans on its plan group, with their accounts, plans and templates."""


class ItsBalance(NamedTuple):
    """Its balance, with the balance's account and schedules."""


Need = Siblings | Referring | Naming | Named | AccountPlans | OnPlanGroup | ItsBalance
