"""The scopes of access keys. `services/api/scopes.py` says which request needs which scope."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """A right that a key may have."""

    READ = "read"
    WRITE = "write"
    USAGE = "usage"
    AUDIT = "audit"
    ADMIN = "admin"


#: Descriptions, for OpenAPI and for people who make a key.
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
    """The scopes with these names. A name that this version does not know is ignored."""
    scopes = {scope.value: scope for scope in Scope}
    return frozenset(scopes[name] for name in names if name in scopes)


def with_implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """These scopes, and all that they include."""
    return frozenset[Scope]().union(*(_IMPLIED.get(scope, {scope}) for scope in scopes))
