"""What m3ter's own Python client sends: each of its calls, made with every argument that it takes."""

import inspect
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import httpx
from m3ter import M3ter
from m3ter._resource import SyncAPIResource

from tests.official import official_client_of

#: What every call takes beside its own arguments.
_OPTIONS = {"extra_headers", "extra_query", "extra_body", "timeout", "org_id"}
#: Methods that send nothing by themselves.
_HELPERS = {"with_raw_response", "with_streaming_response", "submit_all"}
ORGANIZATION = "ORG"


class Call(NamedTuple):
    """A call by its dotted name, and what it sent; parts of its path that it was given are `x`."""

    name: str
    method: str
    path: str
    query: frozenset[str]
    body: frozenset[str]


class _Sent:
    """A server that takes everything and answers with nothing."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, json={"id": "x", "data": []})


def official_calls(*modules: str) -> list[Call]:
    """All calls of these modules of the client (`balances.transactions`), in its order, or one (`usage.query`)."""
    sent = _Sent()
    with official_client_of(ORGANIZATION, sent) as client:
        return [_called(sent, name, method) for module in modules for name, method in _methods(client, module)]


def every_module() -> list[str]:
    """The names of all modules of the client that have calls."""
    with official_client_of(ORGANIZATION, _Sent()) as client:
        return list(_modules(client, ""))


def _modules(within: Any, prefix: str) -> Iterator[str]:
    for name, member in vars(type(within)).items():
        if isinstance(member, cached_property) and not name.startswith(("_", "with_")):
            found = getattr(within, name)
            if isinstance(found, SyncAPIResource):
                yield prefix + name
                yield from _modules(found, f"{prefix}{name}.")


def _methods(client: M3ter, module: str) -> Iterator[tuple[str, Any]]:
    resource: Any = client
    for part in module.split("."):
        resource = getattr(resource, part)
    if inspect.ismethod(resource):
        yield module, resource
        return
    assert isinstance(resource, SyncAPIResource)
    for name, member in vars(type(resource)).items():
        if not name.startswith("_") and name not in _HELPERS and inspect.isfunction(member):
            yield f"{module}.{name}", getattr(resource, name)


def _called(sent: _Sent, name: str, method: Any) -> Call:
    arguments = {one: "x" for one in inspect.signature(method).parameters if one not in _OPTIONS}
    before = len(sent.requests)
    method(**arguments)
    [request] = sent.requests[before:]
    query = frozenset(parse_qs(request.url.query.decode(), keep_blank_values=True))
    body = frozenset(httpx.Response(200, content=request.content).json()) if request.content else frozenset[str]()
    return Call(name, request.method, request.url.path, query, body)
