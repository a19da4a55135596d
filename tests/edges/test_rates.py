"""Who asks too often is told when to come again; nobody else is, and what is remembered has a bound."""

import httpx
import pytest

from services.access.client import AsyncPatient, Patient
from services.api.edges.rates import Allowance, Attempts, Rates, TooManyAttemptsError, TooManyRequestsError
from services.api.statuses import response_to
from services.jobs.table import TooManyJobsError


class Clock:
    """Stands until it is moved. It has run for long, as a host's has."""

    def __init__(self) -> None:
        self.now = 1_234_567.89

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def taken(allowance: Allowance, name: str, times: int) -> int:
    """How many of so many are let through."""
    return sum(not allowance.take(name) for _ in range(times))


def test_a_burst_is_let_through_and_then_the_rate(clock: Clock) -> None:
    allowance = Allowance(50, 100, clock)
    assert taken(allowance, "acme", 150) == 100
    for _ in range(20):
        clock.now += 0.1
        assert taken(allowance, "acme", 50) == 5
    clock.now += 60
    assert taken(allowance, "acme", 150) == 100


def test_the_wait_that_is_told_is_enough(clock: Clock) -> None:
    allowance = Allowance(2, 3, clock)
    assert taken(allowance, "acme", 3) == 3
    wait = allowance.take("acme")
    assert wait == pytest.approx(0.5)
    assert allowance.wait("acme") == wait
    clock.now += wait
    assert allowance.take("acme") == 0


def test_one_that_floods_costs_nobody_else(clock: Clock) -> None:
    allowance = Allowance(50, 100, clock)
    assert taken(allowance, "flood", 10_000) == 100
    assert taken(allowance, "acme", 100) == 100


def test_names_are_forgotten_once_their_allowance_is_whole(clock: Clock) -> None:
    allowance = Allowance(50, 100, clock)
    for number in range(5_000):
        allowance.take(f"organization {number}")
    assert len(allowance) == 5_000
    clock.now += 2.1
    for number in range(5_000):
        allowance.take(f"another {number}")
    assert len(allowance) <= 5_001


def test_endless_names_fill_no_memory(clock: Clock) -> None:
    allowance = Allowance(50, 100, clock, most=100)
    for number in range(10_000):
        allowance.take("acme")
        allowance.take(f"nobody {number}")
    assert len(allowance) <= 100
    assert allowance.take("acme") > 0, "who keeps asking is remembered, whoever else does"


def test_usage_has_an_allowance_of_its_own() -> None:
    found = Rates.of(1, 1)
    assert found is not None
    found.take("acme", usage=True)
    found.take("acme", usage=False)
    with pytest.raises(
        TooManyRequestsError, match="organization acme asks more than 1 times a second; try again in 1 s"
    ):
        found.take("acme", usage=True)
    found.take("other", usage=True)


def test_zero_is_no_limit() -> None:
    assert Rates.of(0, 1) is None


@pytest.mark.parametrize(("wait", "told"), [(0.001, "1"), (1.0, "1"), (1.2, "2"), (59.9, "60")])
def test_the_client_is_told_whole_seconds(wait: float, told: str) -> None:
    response = response_to(TooManyRequestsError(wait, organization="acme", rate=50))
    assert (response.status_code, response.headers["retry-after"]) == (429, told)
    assert "x-should-retry" not in response.headers


def test_too_many_jobs_may_be_tried_again() -> None:
    assert response_to(TooManyJobsError(limit=10, what="bill jobs")).headers["retry-after"] == "1"


def test_wrong_credentials_of_one_key_are_too_many_after_a_while(clock: Clock) -> None:
    attempts = Attempts(clock)
    for _ in range(10):
        attempts.failed("key")
    with pytest.raises(TooManyAttemptsError, match="too many wrong credentials; try again in 6 s"):
        attempts.failed("key")
    attempts.failed("other")
    clock.now += 6
    attempts.failed("key")


def test_wrong_credentials_of_ever_new_keys_are_too_many_together(clock: Clock) -> None:
    attempts = Attempts(clock)
    for number in range(50):
        attempts.failed(f"key {number}")
    with pytest.raises(TooManyAttemptsError):
        attempts.failed("key 50")


class Busy:
    """Answers 429 so many times."""

    def __init__(self, times: int) -> None:
        self.times, self.asked = times, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.content == b'{"a":1}'
        self.asked += 1
        return httpx.Response(429 if self.asked <= self.times else 200, headers={"retry-after": "1"})


async def test_the_products_own_clients_wait_and_send_again(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("services.access.client.time.sleep", slept.append)
    monkeypatch.setattr("services.access.client.asyncio.sleep", sleep)
    with Patient(transport=httpx.MockTransport(Busy(2))) as client:
        assert client.post("http://x/", content=b'{"a":1}').status_code == 200
    async with AsyncPatient(transport=httpx.MockTransport(Busy(2))) as other:
        assert (await other.post("http://x/", content=b'{"a":1}')).status_code == 200
    assert slept == [1.0] * 4


def test_what_else_fails_is_theirs_to_hear_of() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with Patient(transport=httpx.MockTransport(away)) as client, pytest.raises(httpx.ConnectError):
        client.get("http://x/")
    with Patient(transport=httpx.MockTransport(lambda _: httpx.Response(503))) as client:
        assert client.get("http://x/").status_code == 503


def test_their_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.access.client.PATIENCE_SECONDS", 0.5)
    with Patient(transport=httpx.MockTransport(Busy(2))) as client:
        assert client.post("http://x/", content=b'{"a":1}').status_code == 429
