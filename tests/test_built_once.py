"""What tests need everywhere is built in one place: HTTP clients, the configuration of an organization, usage."""

import ast
from collections.abc import Iterator

import pytest

from tests.modules import ROOT, parsed, sources

#: What makes an HTTP client, or asks without one, as it is called: by its last names.
MADE_BY = {
    *("httpx.AsyncClient", "httpx.Client", "AsyncClient", "TestClient", "AsyncM3ter", "M3ter"),
    *("httpx.get", "httpx.post", "httpx.put", "httpx.request", "httpx.stream"),
    *("requests.Session", "requests.get", "requests.post", "requests.put", "requests.request"),
    *("aiohttp.ClientSession", "ClientSession", "client.HTTPConnection", "request.urlopen", "urlopen"),
}
#: Where clients are made. Schemathesis takes no other one than a session of requests.
MAKERS = {"tests/api_client.py", "tests/official.py", "tests/contracts/test_schemathesis.py"}


def modules_with(*words: str) -> Iterator[tuple[str, ast.AST]]:
    """Path and tree of each module of the tests that has one of these words: to parse all of them takes seconds."""
    for path in sources("tests"):
        if any(word in path.read_text() for word in words):
            yield str(path.relative_to(ROOT)), parsed(path)


def made_in(tree: ast.AST) -> Iterator[str]:
    """What a module makes a client by, each time it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (called := ast.unparse(node.func)):
            names = called.split(".")
            yield from {".".join(names[-2:]), called if len(names) == 1 else ""} & MADE_BY


def test_no_test_makes_a_client_of_its_own() -> None:
    """Its clients are those of `tests/api_client.py` or, m3ter's own, of `tests/official.py`."""
    made = {path: sorted(made_in(tree)) for path, tree in modules_with(*(f"{name}(" for name in MADE_BY))}
    makers = {path: names for path, names in made.items() if names}
    assert makers.keys() == MAKERS, makers


def test_a_client_is_found_however_it_is_called() -> None:
    clients = (
        "httpx.AsyncClient()",
        "AsyncClient()",
        "urllib.request.urlopen(url)",
        "http.client.HTTPConnection(host)",
    )
    assert len(list(made_in(ast.parse("\n".join(clients))))) == len(clients)
    assert not list(made_in(ast.parse("self.client.get(url)\nClient(url)\nhttpx.Response(200)")))


@pytest.mark.parametrize(
    ("member", "builders"),
    [
        ("yearEpoch", {"tests/api_client.py"}),
        # Ingest's world has events that are wrong in many ways.
        ("specversion", {"tests/usage_events.py", "tests/ingest/world.py", "tests/alerts/customer.py"}),
    ],
)
def test_a_configuration_and_an_event_are_written_out_where_they_are_built(member: str, builders: set[str]) -> None:
    """Each is known by a member that nothing else has."""
    assert {path for path, tree in modules_with(f'"{member}"') if has_member(tree, member)} == builders


def has_member(tree: ast.AST, member: str) -> bool:
    """Whether a module writes out an object with this member."""
    objects = (node for node in ast.walk(tree) if isinstance(node, ast.Dict))
    return any(isinstance(key, ast.Constant) and key.value == member for written in objects for key in written.keys)
