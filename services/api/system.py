"""The state of the system. GET health tells everybody whether this process serves. GET system, below an organization,
tells how far each partition is, how fast records arrive, and up to where the log was proved.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from events.topics import EVENTS, USAGE
from services.access.gate import Gate
from services.api.answers import HealthAnswer
from services.api.calls import Caller, organization_router, outer_router
from services.api.health import Health
from services.api.shown import Shown
from services.api.wire import answer
from services.audit.passes import Pass
from services.readside.targets import usage_read
from services.status.whole import folded_of

router, health_router = organization_router("system"), outer_router("health")
_AWAY: dict[int | str, dict[str, Any]] = {503: {"description": "Postgres is away.", "model": HealthAnswer}}


@health_router.get("/health", response_model=HealthAnswer, responses=_AWAY)
async def health(request: Request) -> Response:
    """Whether this process serves. 200 `ok`, or `degraded` with `problems`; 503 `unavailable` with a `message`.

    `behind`: events or records. The address of a server that did not answer is only told for an operator's token.
    """
    checked: Health = request.app.state.health
    gate: Gate = request.app.state.gate
    report = await checked.report()
    operator = gate.is_operators(request.headers.get("authorization", ""))
    return answer(report.operators if operator else report.everybodys, report.status)


class PartitionShown(Shown):
    """A partition: its end, the offset that the read models have reached, and the number of records between."""

    partition: int
    end: int
    reached: int
    behind: int


class PaceShown(Shown):
    """The records that arrived a second, over the last so many seconds."""

    seconds: Decimal
    usage: Decimal
    log: Decimal


class PassShown(Shown):
    """The result of the last pass over everything; for an audit, the offset of each partition of the log up to which it
    holds.
    """

    by: Literal["audit", "conservation"]
    ended: datetime
    holds: bool
    unexplained: Decimal
    positions: dict[str, int] | None = None


class SystemAnswer(Shown):
    """The state of the whole installation: `usage` and `log` by partition, `pace` once it is known, `passes`. While
    Kafka or Postgres is away there are no partitions.
    """

    usage: tuple[PartitionShown, ...]
    log: tuple[PartitionShown, ...]
    pace: PaceShown | None = None
    passes: tuple[PassShown, ...]


@router.get("/system", response_model=SystemAnswer)
async def system(call: Caller) -> Response:
    """How far each partition is, how fast records come, and up to where the log was proved."""
    async with call.reading():
        pass
    health = call.api.health
    report = await health.report()
    document: dict[str, Any] = {"usage": [], "log": [], "passes": [_pass(last) for last in health.passes]}
    if report.seen is not None and report.ends:
        document["usage"] = _partitions(report.ends[USAGE], usage_read(report.seen, report.ends[USAGE]))
        document["log"] = _partitions(report.ends[EVENTS], folded_of(report.seen, report.ends))
    rates = health.pace.rates()
    if rates is not None:
        spoken = {"usage": rates.per_second[USAGE], "log": rates.per_second[EVENTS], "seconds": rates.seconds}
        document["pace"] = {name: Decimal(f"{value:.1f}") for name, value in spoken.items()}
    return answer(document)


def _partitions(ends: Mapping[int, int], reached: Mapping[int, int]) -> list[dict[str, int]]:
    return [
        {"partition": partition, "end": end, "reached": reached[partition], "behind": max(0, end - reached[partition])}
        for partition, end in sorted(ends.items())
    ]


def _pass(last: Pass) -> dict[str, Any]:
    document = {"by": last.kind, "ended": last.ended, "holds": last.holds, "unexplained": last.unexplained}
    positions = {str(partition): offset for partition, offset in sorted(last.positions.items())}
    return document | ({"positions": positions} if positions else {})
