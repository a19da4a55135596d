"""Nothing of a client's body is without a bound, and what the log has from before there was one is still read."""

import json
import types
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

import services.api.app
from events.codec import decode
from events.facts.resources import ResourceCreated, ResourceUpdated
from events.resources.base import Model
from events.resources.bounds import FROM_CLIENT
from events.resources.organization import OrganizationConfig
from services.api.bill_bodies import PreviewBody
from services.api.wire import body_document
from services.commands.bodies import parse_body, parse_model
from services.commands.refused import InvalidBody
from services.commands.table import KINDS
from services.store.view import entity_of
from tests.commands.world import CONFIG, document

assert services.api.app, "imported for the bodies of its paths"
ID = "0" * 36
LOOSE = sorted((Path(__file__).parent.parent / "golden").glob("*.loose.json"))
#: By type, values that no field of the wire takes.
ENDLESS: dict[Any, list[Any]] = {
    str: ["x" * 100_000],
    int: [10**400, -(10**400)],
    Decimal: [Decimal("1E+400"), Decimal("-1E+400")],
    tuple: [[None] * 100_000],
    dict: [{str(number): None for number in range(100_000)}],
}
BOUNDED_BY_THEMSELVES = (bool, float, date, datetime, Literal, type(None))


def models(base: type[Model] = Model) -> Iterator[type[Model]]:
    """Every body of the wire, and what it is made of."""
    for model in base.__subclasses__():
        yield model
        yield from models(model)


def parts(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The types that a field is made of, each with the rules that hold for it; other bodies are left to themselves."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        yield from parts(inner, (*more, *metadata))
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from parts(member, metadata)
    elif origin in (tuple, dict):
        yield origin, metadata
        for member in get_args(annotation):
            if member is not Ellipsis:
                yield from parts(member)
    elif not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        yield origin or annotation, metadata


def test_the_bodies_are_found() -> None:
    found = set(models())
    assert {row.model for row in KINDS.values()} | {OrganizationConfig, PreviewBody} <= found
    assert len(found) > 30


@pytest.mark.parametrize("model", list(models()), ids=lambda model: model.__name__)
def test_every_part_of_every_field_has_a_bound(model: type[Model]) -> None:
    for name, field in model.model_fields.items():
        for kind, metadata in parts(field.annotation, tuple(field.metadata)):
            if kind is Any:
                assert model is PreviewBody, f"{model.__name__}.{name} takes anything"
                continue
            if kind in BOUNDED_BY_THEMSELVES:
                continue
            loose = {tuple: tuple[Any, ...], dict: dict[Any, Any]}.get(kind, kind)
            adapter: TypeAdapter[Any] = TypeAdapter(Annotated[loose, *metadata] if metadata else loose)
            for value in ENDLESS[kind]:
                with pytest.raises(ValidationError):
                    adapter.validate_python(value, context=FROM_CLIENT)
                    pytest.fail(f"{model.__name__}.{name} takes a {kind.__name__} without end")


@pytest.mark.parametrize("currency", ["usd", "US", "U$D", "1USD", "EUROS AND CENTS", "ÄÖÜ", "USD\n", "x" * 100_000])
def test_a_currency_is_a_code(currency: str) -> None:
    with pytest.raises(InvalidBody, match="currency: must be a code of 3 to 10 capital letters or digits"):
        parse_body("commitment", document("commitment", accountId=ID, currency=currency))


@pytest.mark.parametrize("currency", ["USD", "XAU", "CREDITS", "A1234567890"[:10]])
def test_a_unit_of_ones_own_is_a_currency(currency: str) -> None:
    parse_body("commitment", document("commitment", accountId=ID, currency=currency))


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("account", {"purchaseOrderNumber": "x" * 900_000}, "purchaseOrderNumber: must have at most 200 characters"),
        ("account", {"address": {"locality": "x" * 201}}, "address.locality: must have at most 200 characters"),
        ("account", {"customFields": {"n": "x" * 201}}, "customFields.n: must be a text of at most 200 characters or"),
        ("account", {"customFields": {"n": 2**63}}, "customFields.n: must be a text of at most 200 characters or"),
        ("account", {"customFields": {str(n): n for n in range(101)}}, "customFields: must have at most 100 items"),
        ("account", {"x" * 900_000: 1}, f"{'x' * 80}...: is not a field of this resource"),
        ("commitment", {"overageSurchargePercent": -100.01}, "overageSurchargePercent: must be greater than or equal"),
        ("commitment", {"feeDates": [{}] * 1001}, "feeDates: must have at most 1000 items"),
        ("commitment", {"priority": 2**31}, "priority: must be between -2147483648 and 2147483647"),
        ("balance", {"overageSurchargePercent": -101}, "overageSurchargePercent: must be greater than or equal"),
        ("pricing", {"segment": {"region": "x" * 257}}, "segment.region: must have at most 256 characters"),
        ("counterAdjustment", {"value": 10**18}, "value: must be between 0 and 999999999999999999"),
    ],
)
def test_what_is_beyond_its_bound_is_told_its_field(kind: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        parse_body(kind, document(kind, **{"accountId": ID, "counterId": ID} | more))
    assert message in str(refused.value)
    assert len(str(refused.value)) < 1000


def test_a_discount_of_everything_is_the_largest() -> None:
    parse_body("commitment", document("commitment", accountId=ID, overageSurchargePercent=-100))


@pytest.mark.parametrize("unit", ["DAYS", "HOURS", "MINUTES", None])
def test_a_grace_period_has_a_bound_in_any_unit(unit: str | None) -> None:
    days = {"DAYS": 1, "HOURS": 24, "MINUTES": 24 * 60, None: 1}[unit]
    longest = CONFIG | {"autoApproveBillsGracePeriodUnit": unit, "autoApproveBillsGracePeriod": 3650 * days}
    parse_model(OrganizationConfig, longest)
    with pytest.raises(InvalidBody, match="autoApproveBillsGracePeriod: must"):
        parse_model(OrganizationConfig, longest | {"autoApproveBillsGracePeriod": 3650 * days + 1})


def test_a_message_does_not_repeat_a_thousand_problems() -> None:
    with pytest.raises(InvalidBody, match=r"; and 3950 more$"):
        parse_body("commitment", document("commitment", accountId=ID, feeDates=[{}] * 1000))


@pytest.mark.parametrize("file", LOOSE, ids=lambda file: file.stem)
def test_a_fact_of_looser_days_is_read_and_its_body_is_refused_today(file: Path) -> None:
    fact = decode(file.read_bytes()).data
    assert isinstance(fact, ResourceCreated | ResourceUpdated)
    with pytest.raises(InvalidBody):
        parse_model(type(fact.body), body_document(fact.body))


@pytest.mark.parametrize(
    "file", [file for file in LOOSE if "Organization" not in file.stem], ids=lambda file: file.stem
)
def test_a_resource_of_looser_days_is_read_from_the_store(file: Path) -> None:
    record = json.loads(file.read_text())
    data, kind = record["data"], record["type"].removesuffix("Created").lower()
    row = {"kind": kind, "id": data["id"], "version": 1, "body": json.dumps(data["body"]), "extra": "{}"}
    row |= {"root_id": data["id"], "partition": 0, "timezone": "UTC"}
    row |= dict.fromkeys(("position", "folded"), 1) | dict.fromkeys(("created", "modified"), datetime(2026, 1, 1))
    row |= dict.fromkeys(("created_by", "modified_by"))
    assert json.loads(entity_of(row).body.model_dump_json(by_alias=True, exclude_unset=True)) == data["body"]
