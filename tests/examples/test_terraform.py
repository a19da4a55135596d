"""`main.tf` as its provider would send it: m3ter's Python client has the same names, made from the same description."""

import re
from collections.abc import AsyncIterator
from graphlib import TopologicalSorter
from typing import Any

import hcl2
import pytest
import pytest_asyncio
from hcl2 import SerializationOptions
from m3ter import AsyncM3ter, NotFoundError

from tests.api_client import CONFIG
from tests.examples.conftest import ROOT, Reader
from tests.official import official_client

PLAIN = SerializationOptions(strip_string_quotes=True, with_comments=False, explicit_blocks=False)
REFERENCE = re.compile(r"^\$\{(?:m3ter_(\w+)\.(\w+)\.id|var\.(\w+))\}$")
#: (type without m3ter_, name) of a resource.
Address = tuple[str, str]


def module() -> tuple[dict[str, Any], dict[Address, dict[str, Any]]]:
    """The defaults of the variables, and the attributes of the resources as they are written."""
    document = hcl2.loads((ROOT / "examples/terraform/main.tf").read_text(), serialization_options=PLAIN)
    variables = {name: block["default"] for one in document["variable"] for name, block in one.items()}
    resources = {
        (type_.removeprefix("m3ter_"), name): attributes
        for one in document["resource"]
        for type_, named in one.items()
        for name, attributes in named.items()
    }
    return variables, resources


VARIABLES, RESOURCES = module()


def references(value: Any) -> set[Address]:
    """The resources that an expression names."""
    if isinstance(value, dict | list):
        return {one for part in (value.values() if isinstance(value, dict) else value) for one in references(part)}
    found = REFERENCE.match(value) if isinstance(value, str) else None
    return {(found[1], found[2])} if found and found[1] else set()


def evaluated(value: Any, ids: dict[Address, str]) -> Any:
    """The value of an expression once what it refers to is there. Raises: KeyError for what is not declared."""
    if isinstance(value, dict):
        return {name: evaluated(part, ids) for name, part in value.items()}
    if isinstance(value, list):
        return [evaluated(part, ids) for part in value]
    if isinstance(value, str) and "${" in value:
        found = REFERENCE.match(value)
        assert found, f"this test does not evaluate {value}"
        return VARIABLES[found[3]] if found[3] else ids[found[1], found[2]]
    return value


def in_order() -> list[Address]:
    """What is referred to first, as Terraform applies it."""
    return [*TopologicalSorter({one: references(attributes) for one, attributes in RESOURCES.items()}).static_order()]


def written(value: Any) -> Any:
    """A value without its spelling: nested members are camelCase on the wire, and a day may have its midnight."""
    if isinstance(value, dict):
        return {re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower(): written(part) for name, part in value.items()}
    if isinstance(value, list):
        return [written(part) for part in value]
    return str(value)[:10] if re.match(r"\d{4}-\d\d-\d\d", str(value)) else value


@pytest_asyncio.fixture(loop_scope="session")
async def client(reader: Reader) -> AsyncIterator[AsyncM3ter]:
    await reader.do("PUT", "organizationconfig", CONFIG)
    url = reader.system.addresses.api_url
    token, organization = await reader.token(), reader.organization
    async with official_client(url, organization, token) as sdk:
        yield sdk


def test_it_has_a_resource_of_each_kind_that_a_commitment_needs() -> None:
    kinds = {kind for kind, _ in RESOURCES}
    catalog = {"product", "meter", "aggregation", "plan_template", "plan", "pricing"}
    assert kinds == catalog | {"account", "account_plan", "commitment"}
    assert {one for attributes in RESOURCES.values() for one in references(attributes)} <= RESOURCES.keys()


@pytest.mark.stack
@pytest.mark.timeout(300)
async def test_applied_it_reads_as_it_is_written_and_destroyed_it_is_gone(client: AsyncM3ter) -> None:
    ids: dict[Address, str] = {}
    for address in in_order():
        attributes = evaluated(RESOURCES[address], ids)
        resources: Any = getattr(client, f"{address[0]}s")
        made = await resources.create(**attributes)
        ids[address] = made.id
        held = (await resources.retrieve(made.id)).to_dict(use_api_names=False)
        read = {name: held[name] for name in attributes}
        assert written(read) == written(attributes), f"{address}: terraform plan would propose a change for ever"
    for address in reversed(in_order()):
        resources = getattr(client, f"{address[0]}s")
        await resources.delete(ids[address])
        with pytest.raises(NotFoundError):
            await resources.retrieve(ids[address])
