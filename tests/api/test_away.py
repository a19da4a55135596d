"""A server of ours that is away: everybody learns which one it is, an operator where it stands, and so does the log."""

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from services.access.gate import Gate
from services.access.scopes import ALL
from services.access.tokens import Tokens
from services.api.statuses import NotConfirmedError, handle_errors
from services.failures import AddressedFailure, ExpectedFailure, outside_of
from services.kafka import Cluster, KafkaUnreachableError
from services.postgres import PostgresUnreachableError, TablesMovedError
from tests.api_client import in_process

URL = "postgresql://user:secret@db.internal:5432/billing"
REFUSED = OSError("Connect call failed ('10.0.0.7', 5432)")
POSTGRES = PostgresUnreachableError(URL, REFUSED)
KAFKA = KafkaUnreachableError(Cluster("kafka.internal:9092"), REFUSED)
#: What nobody but an operator learns.
INSIDE = ("user", "secret", "internal", "billing", "10.0.0.7", "5432", "9092")


SECRET = "s" * 32


class NoneRevoked:
    """A connection to a database in which no key was revoked."""

    async def fetch(self, *_: object) -> list[object]:
        return []


async def knowing() -> Gate:
    """A gate that knows who may ask."""
    gate = Gate(URL, SECRET)
    await gate.look(NoneRevoked())
    return gate


def app_that_raises(error: Exception, gate: Gate) -> FastAPI:
    app = FastAPI()
    app.state.gate = gate
    handle_errors(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    return app


async def asked(error: Exception, organization: str | None, gate: Gate, times: int = 1) -> httpx.Response:
    token = Tokens(SECRET.encode()).sign("key", organization, ALL) if organization else None
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with in_process(app_that_raises(error, gate), headers=headers) as client:
        for _ in range(times):
            answer = await client.get("/")
    return answer


def not_confirmed() -> Exception:
    try:
        raise NotConfirmedError([(0, outside_of(KAFKA))], again=True) from KAFKA
    except NotConfirmedError as error:
        return error


@pytest.mark.parametrize("organization", [None, "acme"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (POSTGRES, "Postgres did not answer"),
        (KAFKA, "Kafka did not answer"),
        (
            TablesMovedError(URL, REFUSED),
            "Postgres: read models were just replaced, or the database is another one",
        ),
        (not_confirmed(), "not confirmed, send again: measurements[0]: Kafka did not answer"),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Exception) else "",
)
async def test_who_is_no_operator_learns_which_server_is_away_and_the_log_where_it_stands(
    organization: str | None, error: Exception, told: str
) -> None:
    with capture_logs() as log:
        answer = await asked(error, organization, await knowing(), times=3)
    assert (answer.status_code, answer.json()["message"]) == (503, told)
    assert not [word for word in INSIDE if word in answer.text]
    [line] = log
    assert line["event"] == "server_away" and "internal" in line["error"] and "secret" not in line["error"]


@pytest.mark.parametrize("error", [POSTGRES, KAFKA], ids=["postgres", "kafka"])
async def test_an_operator_is_told_where_it_stands(error: Exception) -> None:
    answer = await asked(error, "*", await knowing())
    assert (answer.status_code, answer.json()) == (503, {"message": str(error)})
    assert "internal" in answer.text and "secret" not in answer.text


async def test_while_nobody_can_be_known_nobody_is_an_operator() -> None:
    answer = await asked(POSTGRES, "*", Gate(URL))
    assert answer.json() == {"message": "Postgres did not answer"}


def every(kind: type[BaseException]) -> set[type[BaseException]]:
    found = set(kind.__subclasses__())
    return found.union(*(every(one) for one in found)) if found else found


def test_what_names_an_address_says_what_others_are_told() -> None:
    """Whose message has the place of a server in it is an AddressedFailure."""
    naming = {
        one
        for one in every(ExpectedFailure)
        if one.__module__.startswith(("services.postgres", "services.kafka", "services.api.health"))
        and any(f"{{{name}}}" in (one.__doc__ or "") for name in ("url", "cluster"))
    }
    assert len(naming) >= 5
    for one in naming:
        assert issubclass(one, AddressedFailure) and one.outside and "{" not in one.outside
