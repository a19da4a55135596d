"""Whoever asks something over HTTP has a client of `tests/api_client.py`, or one of m3ter's of `tests/official.py`."""

import ast
from collections.abc import Iterator

from tests.modules import ROOT, parsed, sources

#: What makes a client, or asks without one, as it is called: by its last names.
MADE_BY = {
    *("httpx.AsyncClient", "httpx.Client", "AsyncClient", "TestClient", "AsyncM3ter", "M3ter"),
    *("httpx.get", "httpx.post", "httpx.put", "httpx.request", "httpx.stream"),
    *("requests.Session", "requests.get", "requests.post", "requests.put", "requests.request"),
    *("aiohttp.ClientSession", "ClientSession", "client.HTTPConnection", "request.urlopen", "urlopen"),
}
#: Where clients are made. Schemathesis takes no other client than a session of requests.
MAKERS = {"tests/api_client.py", "tests/official.py", "tests/contracts/test_schemathesis.py"}


def made_in(tree: ast.AST) -> Iterator[str]:
    """What a module makes a client by, each time it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (called := ast.unparse(node.func)):
            names = called.split(".")
            yield from {".".join(names[-2:]), called if len(names) == 1 else ""} & MADE_BY


def test_no_test_makes_a_client_of_its_own() -> None:
    made = {str(path.relative_to(ROOT)): sorted(made_in(parsed(path))) for path in sources("tests")}
    makers = {path: names for path, names in made.items() if names}
    assert makers.keys() == MAKERS, makers


def test_a_client_is_found_however_it_is_called() -> None:
    text = (
        "httpx.AsyncClient()\nAsyncClient()\nurllib.request.urlopen(url)\nhttp.client.HTTPConnection()\nhttpx.get(url)"
    )
    assert len(list(made_in(ast.parse(text)))) == 5
    assert not list(made_in(ast.parse("self.client.get(url)\nClient(url)\nhttpx.Response(200)")))
