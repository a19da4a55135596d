"""Which texts are personal: those that a body names (`personal`: of an account its name, its address on paper and by
e-mail); of any of an account's resources the custom fields that its organization has marked; of usage whatever
stands in `who`.

A name that is only the code says nothing that the code does not say.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from events.facts.base import Fact
from events.facts.corrections import UsageFields
from events.facts.resources import ResourceCreated, ResourceUpdated
from events.resources.base import Model, Resource
from events.resources.organization import OrganizationConfig
from services.personal.sealed import TOMBSTONE, is_sealed

#: What becomes of a text, given what stood in its place before; None: nothing did.
Rewrite = Callable[[str, str | None], str]


def sealed_of(model: type[Model], names: Collection[str], config: OrganizationConfig | None) -> str | None:
    """One of these fields of a body, by the wire's name, that is sealed; None: all are as they came."""
    if config is None or not config.keeps_keys:
        return None
    return next((name for name in map(to_camel, model.personal) if name in names), None)


def marked_by(config: OrganizationConfig | None) -> Collection[str] | None:
    """The custom fields that are personal; None of an organization whose personal data is kept as all else is."""
    return (config.personal_custom_fields or ()) if config is not None and config.keeps_keys else None


def changed_fact(fact: Fact, marked: Collection[str], rewrite: Rewrite, before: Resource | None = None) -> Fact:
    """The fact with its personal texts changed; the same object where it has none. `before`: the body that it changes,
    if it is there already."""
    if not isinstance(fact, ResourceCreated | ResourceUpdated):
        return fact
    body = changed_body(fact.body, marked, rewrite, before)
    return fact if body is fact.body else fact.model_copy(update={"body": body})


def has_personal(fact: Fact, marked: Collection[str]) -> bool:
    """Whether there is anything to be sealed in it."""
    return changed_fact(fact, marked, lambda text, before: text if is_sealed(text) else TOMBSTONE) is not fact


def changed_body(body: Resource, marked: Collection[str], rewrite: Rewrite, before: Resource | None = None) -> Resource:
    """The body with its personal texts changed; the same object where it has none."""
    changed = _changed(body, rewrite, before if type(before) is type(body) else None)
    if body.custom_fields is not None:
        stood = {} if before is None else before.custom_fields or {}
        changed["custom_fields"] = _changed_texts(body.custom_fields, marked, rewrite, stood)
    new = {name: value for name, value in changed.items() if value != getattr(body, name)}
    return body.model_copy(update=new) if new else body


def changed_usage(fields: UsageFields, rewrite: Rewrite, before: UsageFields | None) -> UsageFields:
    """The same of what an event of usage says; `before`: what stands of it."""
    stood = {} if before is None else before.who
    who = {code: rewrite(text, stood.get(code)) for code, text in fields.who.items()}
    return fields.model_copy(update={"who": who}) if who else fields


def _changed(model: Model, rewrite: Rewrite, before: Model | None) -> dict[str, Any]:
    """What it names as personal, changed, by attribute; without what it has not."""
    changed: dict[str, Any] = {}
    for name in model.personal:
        value, stood = getattr(model, name), getattr(before, name, None)
        if isinstance(value, Model):
            changed[name] = value.model_copy(update=_changed(value, rewrite, stood))
        elif value and not (name == "name" and value == getattr(model, "code", None)):
            changed[name] = rewrite(value, stood)
    return changed


def _changed_texts(
    fields: Mapping[str, Any], marked: Collection[str], rewrite: Rewrite, before: Mapping[str, Any]
) -> dict[str, Any]:
    """A number that is marked becomes a text: it is one wherever it is shown, too."""
    return {
        name: rewrite(str(value), str(before.get(name, ""))) if name in marked else value
        for name, value in fields.items()
    }
