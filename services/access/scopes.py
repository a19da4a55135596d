"""What an access key may be good for. Which request needs what stands in `services/api/scopes.py`."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """One thing that a key is good for."""

    READ = "read"
    WRITE = "write"
    USAGE = "usage"
    AUDIT = "audit"
    ADMIN = "admin"


#: For OpenAPI and for whoever makes a key.
MEANINGS = {
    Scope.READ: "read resources, bills and usage",
    Scope.WRITE: "create, change and delete resources, bills and bill jobs",
    Scope.USAGE: "submit usage; see and replay what of it was refused",
    Scope.AUDIT: "read, and see why: explanations, histories, events, refused usage, conservation, proofs",
    Scope.ADMIN: "everything, the organization's configuration and its test clock included",
}
ALL = frozenset(Scope)
_IMPLIED = {Scope.AUDIT: frozenset({Scope.AUDIT, Scope.READ}), Scope.ADMIN: ALL}


def scopes_of(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes of these names. A name that this version does not know gives nothing."""
    scopes = {scope.value: scope for scope in Scope}
    return frozenset(scopes[name] for name in names if name in scopes)


def with_implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """These scopes, and those that come with them."""
    return frozenset[Scope]().union(*(_IMPLIED.get(scope, {scope}) for scope in scopes))
