"""What deciding a command about a resource needs to know, beside the resource itself, what its body refers to and who
may share its code: values in a kind's rules, which `services/store/loading.py` reads from the store.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class Siblings(NamedTuple):
    """The accounts that name the same parent, where it names one."""


class Referring(NamedTuple):
    """Of one that is there already, whatever of these kinds refers to it."""

    kinds: tuple[str, ...]


class Naming(NamedTuple):
    """Of one that is there already, whatever may name it by its code: all of a kind. To delete it, too."""

    kind: str


class Named(NamedTuple):
    """Those of a kind whose codes stand in its body."""

    kind: str
    codes: Callable[[Any], Iterable[str]]


class AccountPlans(NamedTuple):
    """The account plans of its account, and of that one's parent if asked, each with its plans and their templates."""

    of_parent: bool = False
    #: Of which bodies; None: of all.
    of: Callable[[Any], bool] | None = None


class OnPlanGroup(NamedTuple):
    """The account plans of whoever is on its plan group, with their accounts, plans and templates."""


class ItsBalance(NamedTuple):
    """Its balance, with its account and with what is paid into it again and again."""


Need = Siblings | Referring | Naming | Named | AccountPlans | OnPlanGroup | ItsBalance
