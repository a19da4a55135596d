"""Which texts are personal: of an account its name, its address on paper and by e-mail; of any of its resources the
custom fields that its organization has marked; of usage whatever stands in `who`.

A country is not: taxes follow from it. A name that is only the code says nothing that the code does not say.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from events.facts.base import Fact
from events.facts.corrections import UsageFields
from events.facts.resources import ResourceCreated, ResourceUpdated
from events.resources.accounts import Account, Address
from events.resources.base import Resource
from events.resources.organization import OrganizationConfig
from services.personal.sealed import TOMBSTONE, is_sealed

Change = Callable[[str], str]
_OF_ADDRESS = tuple(name for name in Address.model_fields if name != "country")


def sealed_of(kind: str, names: Collection[str], config: OrganizationConfig | None) -> str | None:
    """One of these fields of a kind of resource, by the wire's name, that is sealed; None: all are as they came."""
    if kind != "account" or config is None or not config.keeps_keys:
        return None
    return next((name for name in ("name", "emailAddress", "address") if name in names), None)


def marked_by(config: OrganizationConfig | None) -> Collection[str] | None:
    """The custom fields that are personal; None of an organization whose personal data is kept as all else is."""
    return (config.personal_custom_fields or ()) if config is not None and config.keeps_keys else None


def changed_fact(fact: Fact, marked: Collection[str], change: Change) -> Fact:
    """The fact with its personal texts changed; the same object where it has none."""
    if not isinstance(fact, ResourceCreated | ResourceUpdated):
        return fact
    body = changed_body(fact.body, marked, change)
    return fact if body is fact.body else fact.model_copy(update={"body": body})


def has_personal(fact: Fact, marked: Collection[str]) -> bool:
    """Whether there is anything to be sealed in it."""
    return changed_fact(fact, marked, lambda text: text if is_sealed(text) else TOMBSTONE) is not fact


def changed_body(body: Resource, marked: Collection[str], change: Change) -> Resource:
    """The same of a body."""
    changed: dict[str, Any] = {}
    if isinstance(body, Account):
        if body.name != body.code:
            changed["name"] = change(body.name)
        if body.email_address is not None:
            changed["email_address"] = change(body.email_address)
        if body.address is not None:
            changed["address"] = _changed_address(body.address, change)
    if body.custom_fields is not None:
        changed["custom_fields"] = _changed_texts(body.custom_fields, marked, change)
    new = {name: value for name, value in changed.items() if value != getattr(body, name)}
    return body.model_copy(update=new) if new else body


def changed_usage(fields: UsageFields, change: Change) -> UsageFields:
    """The same of what an event of usage says."""
    who = {code: change(text) for code, text in (fields.who or {}).items()}
    return fields.model_copy(update={"who": who}) if who else fields


def _changed_address(address: Address, change: Change) -> Address:
    lines = {name: change(line) for name in _OF_ADDRESS if (line := getattr(address, name))}
    return address.model_copy(update=lines)


def _changed_texts(fields: Mapping[str, Any], marked: Collection[str], change: Change) -> dict[str, Any]:
    """A number that is marked becomes a text: it is one wherever it is shown, too."""
    return {name: change(str(value)) if name in marked else value for name, value in fields.items()}
