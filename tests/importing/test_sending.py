"""A request is sent until it is answered; what is wrong of it is left out, and told by its line."""

import json
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from services.access.client import PAUSES_S, Patient
from services.importing.sending import (
    PATIENCE,
    ImportRefusedError,
    ImportStoppedError,
    MeasurementsRequest,
    Sender,
    Wrong,
)

PART = MeasurementsRequest([b'{"n":0}', b'{"n":1}', b'{"n":2}'], [11, 12, 14], 15)


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited, in no time."""
    seconds = list[float]()
    monkeypatch.setattr("services.access.client.time.sleep", seconds.append)
    return seconds


def sender(answer: Callable[[list[int]], httpx.Response], patience_s: float = 60) -> tuple[Sender, list[list[int]]]:
    """A sender, and the items of each request that reached the server."""
    seen = list[list[int]]()

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append([measurement["n"] for measurement in json.loads(request.content)["measurements"]])
        return answer(seen[-1])

    patience = replace(PATIENCE, seconds=patience_s)
    client = Patient(patience, transport=httpx.MockTransport(handler), base_url="http://api/organizations/org/")
    return Sender(client), seen


def test_what_is_wrong_is_left_out_and_the_rest_is_sent() -> None:
    def answer(items: list[int]) -> httpx.Response:
        if 1 not in items:
            return httpx.Response(200, json={"result": "accepted"})
        refused = [{"index": items.index(1), "message": "ts: is required"}]
        return httpx.Response(400, json={"message": "no", "refused": refused})

    sending, seen = sender(answer)
    assert sending.send(PART, 10) == [Wrong(12, "ts: is required")]
    assert seen == [[0, 1, 2], [0, 2]]


def test_a_server_that_is_away_is_asked_again(slept: list[float]) -> None:
    outcomes = iter([httpx.ConnectError("refused"), httpx.Response(503, json={"message": "not now"})])

    def answer(_: list[int]) -> httpx.Response:
        match next(outcomes, None):
            case Exception() as error:
                raise error
            case httpx.Response() as found:
                return found
            case _:
                return httpx.Response(200, json={"result": "accepted"})

    sending, seen = sender(answer)
    assert sending.send(PART, 10) == []
    assert seen == [[0, 1, 2]] * 3
    assert slept == list(PAUSES_S[:2])


def lost(_: list[int]) -> httpx.Response:
    raise httpx.ConnectError("refused")


@pytest.mark.parametrize(
    ("answer", "why"),
    [(lambda _: httpx.Response(503, json={"message": "not now"}), "not now"), (lost, "ConnectError: refused")],
)
def test_one_that_stays_away_ends_the_import_with_the_line_it_came_to(
    answer: Callable[[list[int]], httpx.Response], why: str
) -> None:
    sending, _ = sender(answer, patience_s=0)
    with pytest.raises(ImportStoppedError, match=rf"{why}.*goes on after line 10"):
        sending.send(PART, 10)


@pytest.mark.parametrize("status", [400, 403, 404])
def test_what_is_refused_as_a_whole_ends_the_import(status: int) -> None:
    sending, seen = sender(lambda _: httpx.Response(status, json={"message": "organization org is unknown"}))
    with pytest.raises(ImportRefusedError, match=f"answered {status}: organization org is unknown"):
        sending.send(PART, 10)
    assert len(seen) == 1
