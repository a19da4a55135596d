"""Whatever is asked, as the document allows or not: the answer is one that it names, and none is an error of Trueup's.

The organization has one of each kind, made of the document's own examples, and a part of what is asked names them. The
wire takes more than it says (a number as a text, a day as a date-time), so whether what is not declared is refused is
another test's (`tests/api/test_strictness.py`).
"""

import asyncio
from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.commands.table import KINDS
from tests.api.schemas import document
from tests.api_client import token_of

# Schemathesis draws from `random` inside a strategy of its own.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
BELOW = "/organizations/{orgId}"
OF_PATH = {kind.path: kind.name for kind in KINDS.values()}
#: Requests of each operation beside its examples: in the suite, and by hand.
FEW, MANY = 2, 30
#: Ids that the document allows, and such as are longer than any that it does: by repetition, for to draw each character
#: of a thousand of them takes more than all else that is asked.
MAY_BE = st.text(min_size=1, max_size=20)
TOO_LONG = st.text(min_size=1, max_size=5).map(lambda text: text * (1 + 200 // len(text)))
#: No answer takes so long, whatever else the machine does.
TIMEOUT_S = 60
_SETTINGS = settings(
    max_examples=1, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def about(case: Any, organization: str, ids: Mapping[str, str]) -> Any:
    """The case about this organization; about every other time it names what is there, where it names anything."""
    parameters = case.path_parameters
    if "orgId" not in parameters:
        return case
    parameters["orgId"] = organization
    there = ids.get(OF_PATH.get(case.operation.path.split("/")[3], ""))
    if "id" in parameters and there and len(str(parameters["id"])) % 2:
        parameters["id"] = there
    if "account" in parameters and len(str(parameters["account"])) % 2:
        parameters["account"] = ids["account"]
    if isinstance(case.body, dict) and case.operation.method == "post":
        named = {name: ids.get(name.removesuffix("Id")) for name in case.body if name.endswith("Id")}
        case.body |= {name: id for name, id in named.items() if id and case.body[name]}
    return case


def not_as_it_may_be(operation: Any) -> st.SearchStrategy[Any] | None:
    """Requests with something that the document does not allow; None if nothing that is asked could be wrong."""
    given_ids = {"orgId": "any"} if "{orgId}" in operation.path else {}
    names = {path_parameter.name for path_parameter in operation.path_parameters} - {*given_ids}
    if operation.query or operation.body:
        mode, id = GenerationMode.NEGATIVE, MAY_BE | TOO_LONG
    elif names:
        mode, id = GenerationMode.POSITIVE, TOO_LONG
    else:
        return None
    ids = st.fixed_dictionaries(dict.fromkeys(sorted(names), id))
    return ids.flatmap(lambda drawn: operation.as_strategy(mode, path_parameters=given_ids | drawn))


def try_all(client: httpx.AsyncClient, organization: str, ids: Mapping[str, str], count: int) -> tuple[int, list[str]]:
    """Ask so often of each operation. Returns: how many were taken, and what is wrong."""
    schema, wrong, statuses = schemathesis.openapi.from_dict(deepcopy(document())), [], []
    url = f"{client.base_url.scheme}://{client.base_url.netloc.decode()}"
    with requests.Session() as session:
        session.trust_env = False  # or it would look for a proxy at each request
        session.headers["authorization"] = f"Bearer {token_of()}"

        def ask(case: Any) -> None:
            response = about(case, organization, ids).call(base_url=url, session=session, timeout=TIMEOUT_S)
            statuses.append(response.status_code)
            case.validate_response(response, checks=CHECKS)

        for found in schema.get_all_operations():
            assert isinstance(found, Ok)
            operation = found.ok()
            examples = [(strategy, 1) for strategy in operation.get_strategies_from_examples()]
            drawn = (operation.as_strategy(GenerationMode.POSITIVE), not_as_it_may_be(operation))
            for strategy, times in [
                *examples,
                *((strategy_drawn, count) for strategy_drawn in drawn if strategy_drawn is not None),
            ]:
                try:
                    settings(_SETTINGS, max_examples=times)(given(strategy)(ask))()
                except (FailureGroup, requests.Timeout) as fault:
                    wrong.append(f"{operation.label}: {fault}")
    return statuses.count(200), wrong


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (500, b'{"message": "an error"}', "application/json"),
        (302, b'{"message": "elsewhere"}', "application/json"),
        (404, b"not found", "text/plain"),
        (404, b'{"detail": "not found"}', "application/json"),
        (200, b'{"id": "1", "amount": "12"}', "application/json"),
    ],
)
def test_an_answer_that_is_not_declared_is_found(status: int, content: bytes, kind: str) -> None:
    path = f"{BELOW}/commitments/{{id}}"
    case = schemathesis.openapi.from_dict(deepcopy(document()))[path]["GET"].Case(
        path_parameters={"orgId": "o", "id": "i"}
    )

    def answered(status: int, content: bytes, kind: str) -> httpx.Response:
        request = httpx.Request("GET", "http://here/organizations/o/commitments/i")
        response = httpx.Response(status, headers={"content-type": kind}, content=content, request=request)
        response.elapsed = timedelta()
        return response

    case.validate_response(answered(404, b'{"message": "there is none"}', "application/json"), checks=CHECKS)
    with pytest.raises(FailureGroup):
        case.validate_response(answered(status, content, kind), checks=CHECKS)


@pytest.mark.stack
async def test_what_may_be_asked_is_answered_as_declared(http: httpx.AsyncClient, ids: dict[str, str]) -> None:
    taken, wrong = await asyncio.to_thread(try_all, http, "contracts", ids, FEW)
    assert wrong == [], "\n\n".join(wrong)
    assert taken > 100


@pytest.mark.long
@pytest.mark.stack
@pytest.mark.timeout(3600)
async def test_so_is_much_more_of_it(http: httpx.AsyncClient, ids: dict[str, str]) -> None:
    _, wrong = await asyncio.to_thread(try_all, http, "contracts", ids, MANY)
    assert wrong == [], "\n\n".join(wrong)
